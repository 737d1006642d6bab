#!/usr/bin/env bash
# The engine against the matrix products alone. Arguments go to `python -m benchmarks run`.
. "$(dirname "$0")/common.sh"
scripts/setup.sh develop
use_venv
exec python -m benchmarks run "$@" --systems engine floor --tasks train
