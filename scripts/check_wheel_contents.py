"""Checks a wheel: library, headers, CMake package, licence; no sources, no build paths."""

import sys
import zipfile
from pathlib import Path

NEEDED = (
    "indrnn_engine/__init__.py",
    "indrnn_engine/py.typed",
    "indrnn_engine/lib/libindrnn_engine.so",
    "indrnn_engine/lib/cmake/indrnn_engine/indrnn_engineConfig.cmake",
    "indrnn_engine/lib/pkgconfig/indrnn_engine.pc",
    "indrnn_engine/include/indrnn/indrnn.hpp",
)
MEGABYTE = 1 << 20


def problems(wheel: Path) -> list[str]:
    """Everything that is wrong with the wheel, one sentence each."""
    found = []
    if wheel.stat().st_size > 15 * MEGABYTE:
        found.append(f"it is {wheel.stat().st_size / MEGABYTE:.1f} MB, more than 15")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        found += [f"{name} is missing" for name in NEEDED if name not in names]
        found += [
            f"{name} is a source file" for name in names if name.endswith((".cpp", ".o", ".a"))
        ]
        if not any(name.endswith("licenses/LICENSE") for name in names):
            found.append("LICENSE is missing")
        for name in names:
            if name.endswith((".cmake", ".pc")) and b"pip-build-env" in archive.read(name):
                found.append(f"{name} holds a path of the build machine")
    return found


if __name__ == "__main__":
    complaints = [f"{path}: {line}" for path in sys.argv[1:] for line in problems(Path(path))]
    sys.exit("\n".join(complaints) if complaints else 0)
