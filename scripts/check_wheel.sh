#!/usr/bin/env bash
# Builds the source distribution, from it the wheel, and uses the wheel in a fresh environment.
. "$(dirname "$0")/common.sh"
scripts/setup.sh develop
use_venv

say "Source distribution and wheel"
rm -rf build/dist build/wheel-venv
python -m build --outdir build/dist . >build/dist.log 2>&1 || { tail -n 60 build/dist.log; exit 1; }
ls -l build/dist
python scripts/check_wheel_contents.py build/dist/*.whl

say "The wheel in a fresh environment"
python -m venv build/wheel-venv
build/wheel-venv/bin/python -m pip install --quiet -c requirements/constraints.txt build/dist/*.whl
# From a folder without the sources, so that only the wheel can answer.
smoke="$PWD/scripts/smoke.py" environment="$PWD/build/wheel-venv"
cd "$environment" && env -u VIRTUAL_ENV -u LD_LIBRARY_PATH bin/python -I "$smoke"
