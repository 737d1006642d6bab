#!/usr/bin/env bash
# Rewrites the sources in the project's format.
. "$(dirname "$0")/common.sh"
scripts/setup.sh develop
use_venv
git ls-files -z '*.c' '*.cpp' '*.hpp' '*.h' '*.cu' '*.cuh' | xargs -0 clang-format -i
ruff format .
ruff check --fix .
