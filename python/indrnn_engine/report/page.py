"""One file of HTML that needs nothing else: style, script and data are in it."""

from __future__ import annotations

import html
import json
import math
from pathlib import Path
from typing import Any

from ..files import write_atomically

__all__ = ["render", "write"]

FOLDER = Path(__file__).parent


def render(page: dict[str, Any]) -> str:
    """Give the page for what `collect` or `collect_runs` gave."""
    data = json.dumps(_finite(page), allow_nan=False)
    # No text of a run may end the script element.
    data = data.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    document = (FOLDER / "page.html").read_text(encoding="utf-8")
    for name, text in (
        ("TITLE", html.escape(page["title"])),
        ("STYLE", (FOLDER / "page.css").read_text(encoding="utf-8")),
        ("SCRIPT", (FOLDER / "page.js").read_text(encoding="utf-8")),
        ("DATA", data),
    ):
        document = document.replace(f"%%{name}%%", text, 1)
    return document


def write(page: dict[str, Any], path: Path) -> None:
    """Write the page to a file, atomically."""
    write_atomically(path, render(page).encode())


def _finite(value: Any) -> Any:
    """Give JSON values with null for what JSON cannot hold."""
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_finite(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
