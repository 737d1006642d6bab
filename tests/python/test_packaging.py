"""The project's files agree with each other: one version, one set of pinned build requirements."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import indrnn_engine as ie

ROOT = Path(__file__).resolve().parents[2]


def pins(text: str) -> dict[str, str]:
    """The exact versions named in a text, by package."""
    found = re.findall(r"^\W*([A-Za-z0-9_.-]+)==([A-Za-z0-9_.+-]+)", text, flags=re.MULTILINE)
    return {name.lower().replace("_", "-"): version for name, version in found}


def test_library_and_package_report_the_version_of_pyproject() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    (version,) = re.findall(r'^version = "(.+)"$', text, flags=re.MULTILINE)
    assert ie.version() == version == ie.__version__


def test_every_name_of_the_c_interface_is_in_the_record_of_its_release() -> None:
    # The consumer project compiles the record beside the header, so that types and values agree.
    names = [
        set(re.findall(r"\b(?:indrnn_\w+(?=\()|INDRNN_\w+(?= ==? \d))", (ROOT / path).read_text()))
        for path in ("cpp/include/indrnn/indrnn.h", "tests/consumer/c_interface_0_1.c")
    ]
    assert len(names[0]) > 50
    assert names[0] <= names[1], "add what is new to the record"
    assert names[1] <= names[0], "gone from the header: see docs/versioning.md"


def test_changelog_has_an_entry_for_the_version() -> None:
    assert f"## [{ie.version()}]" in (ROOT / "CHANGELOG.md").read_text()


def test_pinned_requirements_are_the_tested_versions() -> None:
    pinned = pins((ROOT / "pyproject.toml").read_text())
    tested = pins((ROOT / "requirements" / "constraints.txt").read_text())
    assert {"scikit-build-core", "pybind11", "scipy-openblas32", "nlohmann-json"} <= set(pinned)
    assert pinned.items() <= tested.items()


@pytest.mark.parametrize("name", (ROOT / "requirements" / "build.txt").read_text().split("\n"))
def test_build_requirements_have_a_tested_version(name: str) -> None:
    tested = pins((ROOT / "requirements" / "constraints.txt").read_text())
    assert not name or name.startswith("#") or name in tested
