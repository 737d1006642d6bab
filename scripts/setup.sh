#!/usr/bin/env bash
# Usage: scripts/setup.sh run|develop
# Makes .venv in the checkout with the package built from it: `run` for the command line, `develop` for the tests and
# tools as well. Missing Debian packages are installed when run as root; otherwise the line that does it is printed.
# Ends at once when nothing that the build depends on has changed since the last time.
. "$(dirname "$0")/common.sh"

mode="${1:-develop}"
case "$mode" in
  run) extras="cli" ;;
  develop) extras="dev" ;;
  *) fail "scripts/setup.sh must be given run or develop, got '$mode'" ;;
esac

find_python() {
  local candidate
  for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 python3.10}; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
}

# The Debian packages that this machine lacks, found by what they give, not by their names.
missing_packages() {
  local python="$1"
  if [ -z "$python" ]; then
    echo python3 python3-venv python3-dev
  else
    "$python" -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
    "$python" -c 'import os, sysconfig as s; os.stat(os.path.join(s.get_paths()["include"], "Python.h"))' \
      2>/dev/null || echo python3-dev
  fi
  command -v c++ >/dev/null || echo g++
  if [ "$mode" = develop ]; then
    echo '#include <gtest/gtest.h>' | c++ -std=c++20 -E -x c++ - >/dev/null 2>&1 || echo libgtest-dev
    echo '#include <benchmark/benchmark.h>' | c++ -std=c++20 -E -x c++ - >/dev/null 2>&1 || echo libbenchmark-dev
    command -v pkg-config >/dev/null || echo pkg-config
  fi
}

install_system_packages() {
  local packages
  packages="$(missing_packages "$(find_python)" | tr '\n' ' ')"
  if [ -z "${packages// /}" ]; then return; fi
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "Installing Debian packages: $packages"
    apt-get update -qq
    # shellcheck disable=SC2086  # a list of words
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null
    packages="$(missing_packages "$(find_python)" | tr '\n' ' ')"
    [ -z "${packages// /}" ] || fail "still missing after the installation: $packages"
  else
    fail "this machine lacks some packages. Run the next line, then this command again:
    sudo apt-get update && sudo apt-get install -y $packages"
  fi
}

# Changes when anything changes that the installed package was made from, except Python files: those are used in place.
fingerprint() {
  {
    "$VENV/bin/python" -VV
    find pyproject.toml requirements CMakeLists.txt cmake cpp python/CMakeLists.txt python/bindings -type f -print0 |
      sort -z | xargs -0 cat
  } 2>/dev/null | cksum
}

if [ -x "$VENV/bin/python" ] && [ "$(cat "$VENV/.built-$mode" 2>/dev/null)" = "$(fingerprint)" ]; then
  exit 0
fi

install_system_packages
if ! "$VENV/bin/python" -c '' 2>/dev/null; then
  say "Making the environment .venv with $(find_python)"
  rm -rf "$VENV"
  "$(find_python)" -m venv "$VENV"
fi
use_venv
say "Building and installing indrnn_engine into .venv (the first time takes some minutes)"
pip() { "$VENV/bin/python" -m pip "$@"; }
pip install --quiet "pip>=23.1"  # older ones do not know -C; nothing happens where it is new enough
pip install --quiet -c requirements/constraints.txt -r requirements/build.txt
pip install --quiet -c requirements/constraints.txt --no-build-isolation -C "build-dir=build/python" -e ".[$extras]"

fingerprint >"$VENV/.built-$mode"
if [ "$mode" = develop ]; then fingerprint >"$VENV/.built-run"; fi
