#!/usr/bin/env bash
# Formatters in checking mode, linters and type checker.
. "$(dirname "$0")/common.sh"
scripts/setup.sh develop
use_venv

say "clang-format"
git ls-files -z '*.c' '*.cpp' '*.hpp' '*.h' '*.cu' '*.cuh' | xargs -0 clang-format --dry-run -Werror
say "ruff"
ruff format --check .
ruff check .
say "mypy"
mypy
say "shell scripts"
for script in scripts/*.sh .ci/run; do bash -n "$script"; done
if command -v shellcheck >/dev/null; then shellcheck -x scripts/*.sh .ci/run; fi
