#!/usr/bin/env bash
# Runs every test: C++ (plain, under AddressSanitizer with UndefinedBehaviorSanitizer, and under ThreadSanitizer),
# then Python: the package, its docstrings, the documentation's code, and consumer projects in C++.
# Arguments go to pytest.
. "$(dirname "$0")/common.sh"
scripts/setup.sh develop
use_venv

cpp_tests() {
  local name="$1" title="$2"
  shift 2
  say "C++ tests, $title"
  build_cpp "$name" -DINDRNN_BUILD_TESTS=ON "$@"
  ctest --test-dir "build/$name" --output-on-failure --no-tests=error -j "$CMAKE_BUILD_PARALLEL_LEVEL" --quiet \
    --output-log "build/$name/ctest.txt" || { cat "build/$name/ctest.txt"; exit 1; }
  tail -n 4 "build/$name/ctest.txt"
}

export UBSAN_OPTIONS=print_stacktrace=1 TSAN_OPTIONS=halt_on_error=1
cpp_tests release "optimised" -DINDRNN_BUILD_BENCHMARKS=ON
cpp_tests address "AddressSanitizer and UndefinedBehaviorSanitizer" "-DINDRNN_SANITIZE=address;undefined" \
  -DINDRNN_BUILD_SHARED=OFF
cpp_tests thread "ThreadSanitizer" -DINDRNN_SANITIZE=thread -DINDRNN_BUILD_SHARED=OFF

say "Python tests"
mkdir -p build/logs
python -m pytest --pyargs tests/python indrnn_engine "$@" | tee build/logs/pytest.txt
