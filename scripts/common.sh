# Shared by the scripts of this folder, which start with:  . "$(dirname "$0")/common.sh"
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

VENV="$PWD/.venv"
CMAKE_BUILD_PARALLEL_LEVEL="${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc 2>/dev/null || echo 2)}"
export CMAKE_BUILD_PARALLEL_LEVEL PIP_DISABLE_PIP_VERSION_CHECK=1

say() { printf '\n== %s\n' "$*"; }
fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# From here on python, cmake, ninja, pytest, ... are those of the checkout's environment.
use_venv() {
  export VIRTUAL_ENV="$VENV" PATH="$VENV/bin:$PATH"
  unset PYTHONHOME
}

# build_cpp <name> [cmake arguments...]: configures and builds build/<name>.
build_cpp() {
  local name="$1" launcher=()
  shift
  if command -v ccache >/dev/null; then launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
  cmake -S . -B "build/$name" -G Ninja --log-level=WARNING -DINDRNN_WERROR=ON \
    "-DPython_EXECUTABLE=$VENV/bin/python" "${launcher[@]}" "$@"
  cmake --build "build/$name" -- --quiet
}
