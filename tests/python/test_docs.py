"""The code in README and docs runs, and their links lead somewhere."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from indrnn_engine import locations

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def blocks(page: Path, language: str) -> list[tuple[int, str]]:
    """Code blocks of one language, each with the number of its first line."""
    text = page.read_text()
    pattern = re.compile(rf"^```{re.escape(language)}\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
    return [
        (text.count("\n", 0, match.start(1)) + 1, match.group(1))
        for match in pattern.finditer(text)
    ]


def pages_with(language: str) -> list[Path]:
    return [page for page in PAGES if blocks(page, language)]


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", pages_with("python"), ids=name)
def test_python_blocks_run_from_top_to_bottom(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "__main__"}
    for line, code in blocks(page, "python"):
        # Empty lines before it let a traceback point at the line of the page.
        exec(compile("\n" * (line - 1) + code, str(page), "exec"), namespace)


CPP_BLOCKS = [(page, line, code) for page in PAGES for line, code in blocks(page, "cpp")]


@pytest.mark.skipif(shutil.which("c++") is None, reason="no C++ compiler")
@pytest.mark.parametrize(
    "code",
    [code for _, _, code in CPP_BLOCKS],
    ids=[f"{name(page)}:{line}" for page, line, _ in CPP_BLOCKS],
)
def test_cpp_programs_compile_and_run(code: str, tmp_path: Path) -> None:
    source, program = tmp_path / "program.cpp", tmp_path / "program"
    source.write_text(code)
    library_dir = locations.library_dir()
    compilation = subprocess.run(
        [
            *("c++", "-std=c++20", "-Wall", "-Wextra", "-Werror", str(source), "-o", str(program)),
            *(f"-I{locations.include_dir()}", f"-L{library_dir}", "-lindrnn_engine"),
            f"-Wl,-rpath,{library_dir}",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert compilation.returncode == 0, compilation.stderr
    run = subprocess.run([program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_relative_links_lead_to_files(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
    relative = [
        target for target in targets if "://" not in target and not target.startswith("mailto:")
    ]
    assert [target for target in relative if not (page.parent / target).exists()] == []


def test_readme_and_docs_hold_code_that_is_run() -> None:
    assert ROOT / "README.md" in pages_with("python")
    assert ROOT / "README.md" in pages_with("cpp")
