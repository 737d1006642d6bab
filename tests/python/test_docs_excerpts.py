"""The code that docs/adding-a-layer.md shows is that of the sources."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "adding-a-layer.md"
SOURCES = [
    "cpp/include/indrnn/nn.hpp",
    "cpp/src/layers/mean_over_time.cpp",
    "cpp/src/layers/table.cpp",
    "cpp/src/layers/time_difference.cpp",
    "python/indrnn_engine/nn/time.py",
    "tests/python/test_gradients_layers.py",
]
EXCERPTS = re.findall(r"^```(?:c\+\+|py)\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("excerpt", EXCERPTS, ids=[text.split("\n")[0][:40] for text in EXCERPTS])
def test_excerpts_are_in_the_sources(excerpt: str) -> None:
    assert any(excerpt in (ROOT / source).read_text() for source in SOURCES)


def test_sources_and_folders_exist() -> None:
    named = re.findall(r"`((?:\w+/)+[\w.]+|\w+\.(?:py|cpp|hpp|cu))`", PAGE.read_text())
    roots = [ROOT, ROOT / "cpp" / "src", ROOT / "python" / "indrnn_engine"]
    assert [name for name in named if not any((root / name).exists() for root in roots)] == []
    assert len(named) > 5
