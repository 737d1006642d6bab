#!/usr/bin/env bash
# Runs every test: C++ (optimised, under AddressSanitizer with UndefinedBehaviorSanitizer, and under ThreadSanitizer),
# then Python: the package, its docstrings, the documentation's code, and consumer projects in C++.
# A failing part does not keep the others from running. Arguments go to pytest.
. "$(dirname "$0")/common.sh"
scripts/setup.sh develop
use_venv

failed=()

# cpp_tests <build name> <title> [cmake arguments...]
ctest_arguments=()
cpp_tests() {
  local name="$1" title="$2" log="build/$1/ctest.txt"
  shift 2
  say "C++ tests, $title"
  if ! build_cpp "$name" -DINDRNN_BUILD_TESTS=ON "$@"; then
    failed+=("C++ build, $title")
  elif ctest --test-dir "build/$name" --output-on-failure --no-tests=error -j "$CMAKE_BUILD_PARALLEL_LEVEL" \
    "${ctest_arguments[@]}" >"$log" 2>&1; then
    grep 'tests passed' "$log"
  else
    grep -Ev '^ *Start +[0-9]+:|   Passed  ' "$log"
    failed+=("C++ tests, $title")
  fi
}

export UBSAN_OPTIONS=print_stacktrace=1 TSAN_OPTIONS=halt_on_error=1
# The CUDA backend's tests run on an emulated device, in each of the three.
# The emulated backend of the first is loaded by the Python tests too; its engine must then be the package's, by name.
cpp_tests release "optimised" -DINDRNN_BUILD_BENCHMARKS=ON -DINDRNN_CUDA_EMULATION=ON -DINDRNN_PLAIN_SONAME=ON
cpp_tests address "AddressSanitizer and UndefinedBehaviorSanitizer" "-DINDRNN_SANITIZE=address;undefined" \
  -DINDRNN_BUILD_SHARED=OFF -DINDRNN_CUDA_EMULATION=ON
# Here every thread of a kernel is a thread of the system: a comparison takes 20 s to minutes, so only some of them run.
ctest_arguments=(-E '^(CudaCounts|CudaEmbedding|CudaLayerSums|CudaLinear|CudaOptim|CudaCapture|CudaWaits|ScanAlways|Kinds/Cuda|Activations/Scan|Stacks/Cuda|Windows|CudaStorage.Halves|Sizes/CudaRecurrence.IsTheCpus/(identity|tanh|sigmoid|relu_T(1_|16|33|37)))')
cpp_tests thread "ThreadSanitizer" -DINDRNN_SANITIZE=thread -DINDRNN_BUILD_SHARED=OFF \
  -DINDRNN_CUDA_EMULATION=ON

say "CUDA kernels by nvcc"
mkdir -p build/logs
if command -v nvcc >/dev/null; then
  # For a toolkit without cuBLAS.
  python -m pip install --quiet -c requirements/constraints.txt -r requirements/cuda.txt
  build_cpp cuda -DINDRNN_BUILD_STATIC=OFF -DINDRNN_CUDA=ON -DINDRNN_CUDA_REPORT=ON "-DCMAKE_CUDA_ARCHITECTURES=90" \
    2>&1 | tee build/logs/nvcc.txt | python scripts/kernel_report.py || failed+=("CUDA kernels by nvcc")
else
  echo "skipped: nvcc is not installed"
fi

say "Python tests"
export INDRNN_CUDA_LIBRARY="${INDRNN_CUDA_LIBRARY-$PWD/build/release/tests/cuda/libindrnn_cuda.so}"
# The files of tests are shared out over processes; `make test ARGS="-n 0"` runs them in one.
workers=(-n "$CMAKE_BUILD_PARALLEL_LEVEL" --maxprocesses 8 --dist loadfile)
python -m pytest --pyargs tests/python indrnn_engine "${workers[@]}" "$@" 2>&1 | tee build/logs/pytest.txt ||
  failed+=("Python tests")

say "Gradients on a CUDA device"
# Against the reference; finite differences, which run each forward many times, stay on the CPU.
INDRNN_TEST_DEVICE=cuda python -m pytest tests/python/test_gradients_*.py -q "${workers[@]}" -k "not finite_differences" \
  2>&1 | tee build/logs/pytest_cuda.txt || [ $? -eq 5 ] || failed+=("Gradients on a CUDA device")  # 5: no device, all skipped

if [ ${#failed[@]} -gt 0 ]; then
  printf '\nfailed: %s\n' "${failed[@]}" >&2
  exit 1
fi
