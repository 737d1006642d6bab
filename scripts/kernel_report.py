"""Registers, spills and shared memory of the CUDA kernels, from the output of a build.

    cmake --build build/cuda --target indrnn_cuda | python scripts/kernel_report.py

needs `-DINDRNN_CUDA_REPORT=ON`. Prints one line for each kernel and architecture, those with most
registers first, and exits with 1 where a kernel spills registers to memory.
"""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass

ENTRY = re.compile(r"Compiling entry function '(\w+)' for '(\w+)'")
SPILLS = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
USED = re.compile(r"Used (\d+) registers(?:.*?(\d+) bytes smem)?")


@dataclass
class Kernel:
    name: str
    architecture: str
    registers: int
    shared_bytes: int
    spilled_bytes: int


def read_kernels(lines: list[str]) -> list[Kernel]:
    """The kernels whose reports are in the output, under their mangled names."""
    kernels: list[Kernel] = []
    entry, spilled = ("", ""), 0
    for line in lines:
        if found := ENTRY.search(line):
            entry, spilled = (found[1], found[2]), 0
        elif found := SPILLS.search(line):
            spilled = int(found[2]) + int(found[3])
        elif (found := USED.search(line)) and entry[0]:
            kernels.append(Kernel(*entry, int(found[1]), int(found[2] or 0), spilled))
            entry = ("", "")
    return kernels


def readable(names: list[str]) -> list[str]:
    """Names as in the sources, without namespaces."""
    command = ["c++filt", *names]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    without = [
        re.sub(r"indrnn::cuda::|\(anonymous namespace\)::", "", name) for name in text.splitlines()
    ]
    return [re.sub(r"^void ", "", name.rsplit("(", 1)[0]) for name in without]


def main() -> int:
    """Prints the report."""
    kernels = sorted(read_kernels(sys.stdin.readlines()), key=lambda kernel: -kernel.registers)
    if not kernels:
        print("no kernel in the input; was the build configured with -DINDRNN_CUDA_REPORT=ON?")
        return 1
    for kernel, name in zip(kernels, readable([each.name for each in kernels]), strict=True):
        print(
            f"{kernel.registers:4} registers {kernel.shared_bytes:6} B shared "
            f"{kernel.spilled_bytes:4} B spilled  {kernel.architecture}  {name}"
        )
    spilling = sum(kernel.spilled_bytes > 0 for kernel in kernels)
    print(f"{len(kernels)} kernels, {spilling} of them spill registers")
    return 1 if spilling else 0


if __name__ == "__main__":
    sys.exit(main())
