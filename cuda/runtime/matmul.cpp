#include "runtime/matmul.hpp"

#include <cstdlib>
#include <limits>
#include <string>
#include <type_traits>

#include "indrnn/error.hpp"

namespace indrnn::cuda {
namespace {

constexpr std::size_t workspace_bytes = 32 * 1024 * 1024;  // what cuBLAS recommends for Hopper

int to_int(std::int64_t size) {
  if (size > std::numeric_limits<int>::max()) {
    throw InvalidArgument(
        "[cuda] a matrix product may have at most 2^31 - 1 rows (time_steps * batch), got " +
        std::to_string(size));
  }
  return static_cast<int>(size);
}

template <class T>
constexpr cudaDataType cublas_type() {
  if (std::is_same_v<T, double>) return CUDA_R_64F;
  return std::is_same_v<T, float> ? CUDA_R_32F : CUDA_R_16BF;
}

}  // namespace

void Matmul::Destroy::operator()(cublasHandle_t handle) const {
  try {
    const DeviceGuard guard(device);
    cublasDestroy(handle);
  } catch (...) {  // the driver has gone, and the handle with it
  }
}

Matmul::Matmul(int device, cudaStream_t stream) : handle_(nullptr, Destroy{device}) {
  cublasHandle_t handle = nullptr;
  check(cublasCreate(&handle), "starting cuBLAS");
  handle_.reset(handle);
  check(cublasSetStream(handle, stream), "giving cuBLAS its stream");
  workspace_ = allocate_device(workspace_bytes);
  check(cublasSetWorkspace(handle, workspace_.get(), workspace_bytes), "giving cuBLAS its workspace");
  // Parts of a product of bfloat16 are joined in float32 too.
  check(cublasSetMathMode(handle, CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION), "setting up cuBLAS");
  const char* wanted = std::getenv("INDRNN_CUDA_TF32");
  tf32_ = wanted != nullptr && std::string(wanted) == "1";
}

// Column-major, as cuBLAS sees it: c [m, n] = op(a) op(b).
template <class S, class Out>
void Matmul::run(cublasOperation_t op_a, cublasOperation_t op_b, std::int64_t m, std::int64_t n,
                 std::int64_t k, const S* a, std::int64_t lda, const S* b, std::int64_t ldb,
                 Accumulate accumulate, Out* c) const {
  if (m == 0 || n == 0) return;
  const cublasComputeType_t compute = std::is_same_v<S, double>           ? CUBLAS_COMPUTE_64F
                                      : std::is_same_v<S, float> && tf32_ ? CUBLAS_COMPUTE_32F_FAST_TF32
                                                                          : CUBLAS_COMPUTE_32F;
  const Compute<S> one = 1, beta = accumulate == Accumulate::yes ? 1 : 0;
  check(cublasGemmEx(handle_.get(), op_a, op_b, to_int(m), to_int(n), to_int(k), &one, a, cublas_type<S>(),
                     to_int(lda), b, cublas_type<S>(), to_int(ldb), &beta, c, cublas_type<Out>(), to_int(m),
                     compute, CUBLAS_GEMM_DEFAULT),
        "multiplying matrices");
}

template <class S>
void Matmul::multiply_transposed(std::int64_t m, std::int64_t n, std::int64_t k, const S* a, const S* b,
                                 S* c) const {
  run(CUBLAS_OP_T, CUBLAS_OP_N, n, m, k, b, k, a, k, Accumulate::no, c);
}

template <class S>
void Matmul::multiply(std::int64_t m, std::int64_t n, std::int64_t k, const S* a, const S* b, S* c) const {
  run(CUBLAS_OP_N, CUBLAS_OP_N, n, m, k, b, n, a, k, Accumulate::no, c);
}

template <class S>
void Matmul::add_outer(std::int64_t m, std::int64_t n, std::int64_t k, const S* a, const S* b,
                       Compute<S>* c) const {
  if (k > 0) run(CUBLAS_OP_N, CUBLAS_OP_T, n, m, k, b, n, a, m, Accumulate::yes, c);
}

template void Matmul::multiply_transposed(std::int64_t, std::int64_t, std::int64_t, const float*,
                                          const float*, float*) const;
template void Matmul::multiply(std::int64_t, std::int64_t, std::int64_t, const float*, const float*,
                               float*) const;
template void Matmul::add_outer(std::int64_t, std::int64_t, std::int64_t, const float*, const float*,
                                float*) const;
template void Matmul::multiply_transposed(std::int64_t, std::int64_t, std::int64_t, const double*,
                                          const double*, double*) const;
template void Matmul::multiply(std::int64_t, std::int64_t, std::int64_t, const double*, const double*,
                               double*) const;
template void Matmul::add_outer(std::int64_t, std::int64_t, std::int64_t, const double*, const double*,
                                double*) const;
template void Matmul::multiply_transposed(std::int64_t, std::int64_t, std::int64_t, const __nv_bfloat16*,
                                          const __nv_bfloat16*, __nv_bfloat16*) const;
template void Matmul::multiply(std::int64_t, std::int64_t, std::int64_t, const __nv_bfloat16*,
                               const __nv_bfloat16*, __nv_bfloat16*) const;
template void Matmul::add_outer(std::int64_t, std::int64_t, std::int64_t, const __nv_bfloat16*,
                                const __nv_bfloat16*, float*) const;

}  // namespace indrnn::cuda
