#!/usr/bin/env bash
# Prints what a shared library of the engine exports, sorted: scripts/exported_symbols.sh build/release/cpp/libindrnn_engine.so
# Tests compare it with tests/data/exported_symbols.txt; a difference is a change of the binary interface (docs/versioning.md).
set -euo pipefail
nm -D --defined-only "$1" | awk '{print $3}' | c++filt | LC_ALL=C sort -u
