#!/usr/bin/env bash
# Fuzzes the reader of model files under AddressSanitizer and UndefinedBehaviorSanitizer: at least a million runs (RUNS).
# Stops at the first input that crashes, hangs, or allocates more than 64 MiB at once. Arguments go to libFuzzer.
. "$(dirname "$0")/common.sh"
scripts/setup.sh develop
use_venv

if ! command -v clang++ >/dev/null || ! echo 'int main() {}' | clang++ -x c++ -fsanitize=address - -o /dev/null 2>/dev/null; then
  [ "$(id -u)" = 0 ] || fail "clang with its sanitizers is missing: sudo apt-get install -y clang libclang-rt-dev"
  say "Installing clang"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends clang libclang-rt-dev >/dev/null
fi

say "Building"
build_cpp fuzz -DCMAKE_CXX_COMPILER=clang++ -DINDRNN_BUILD_FUZZERS=ON -DINDRNN_BUILD_SHARED=OFF \
  "-DINDRNN_SANITIZE=address;undefined;fuzzer-no-link"

say "Fuzzing"
mkdir -p build/fuzz/corpus build/fuzz/found
build/fuzz/tests/fuzz/fuzz_model_file -runs="${RUNS:-1000000}" -max_len=16384 -timeout=10 -malloc_limit_mb=64 \
  -rss_limit_mb=2048 -artifact_prefix=build/fuzz/found/ -print_final_stats=1 \
  "$@" build/fuzz/corpus tests/fuzz/corpus/model_file
