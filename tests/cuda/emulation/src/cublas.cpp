// The checks of cuBLAS's calls, and their place on the handle's stream.
#include "cublas_v2.h"

#include <cstdio>
#include <set>
#include <string>

#include "counters.hpp"
#include "failure.hpp"
#include "gemm.hpp"
#include "memory.hpp"
#include "runtime.hpp"

struct cublasContext {
  int device = 0;
  cudaStream_t stream = nullptr;
  bool tf32 = false;
  bool own_workspace = false;
};

namespace emulation {
namespace {

std::set<cublasContext*>& handles() {
  static std::set<cublasContext*> instance;
  return instance;
}

cublasStatus_t refused(const std::string& why) {
  std::fprintf(stderr, "CUDA emulation: cuBLAS: %s\n", why.c_str());
  return CUBLAS_STATUS_INVALID_VALUE;
}

std::string problem_of(const Matrix& matrix, const char* name, int rows, int columns, int count, int device) {
  if (matrix.leading < std::max(1, rows)) {
    return std::string("leading dimension of ") + name + " is " + std::to_string(matrix.leading) +
           ", its rows are " + std::to_string(rows);
  }
  const std::size_t bytes = span(matrix, rows, columns, count) * size_of(matrix.type);
  if (bytes > 0 && !inside_device_memory(matrix.data, bytes, device)) {
    return std::string(name) + " reaches outside of a buffer of device " + std::to_string(device);
  }
  if (reinterpret_cast<std::uintptr_t>(matrix.data) % size_of(matrix.type) != 0)
    return std::string(name) + " is not aligned";
  return "";
}

cublasStatus_t enqueue_product(cublasHandle_t handle, Product product) {
  const std::scoped_lock lock(runtime_mutex());
  if (!handles().contains(handle)) return CUBLAS_STATUS_NOT_INITIALIZED;
  if (handle->device != current_device()) return refused("a product while another device is current");
  if (!handle->own_workspace && capture_of(handle->stream) != nullptr) {
    return refused("a captured product has no workspace of its own: cublasSetStream takes it away");
  }
  if (product.m < 0 || product.n < 0 || product.k < 0 || product.count < 0) return refused("a negative size");
  const bool a_as_stored = product.trans_a == CUBLAS_OP_N;
  const bool b_as_stored = product.trans_b == CUBLAS_OP_N;
  for (const std::string& problem :
       {problem_of(product.a, "A", a_as_stored ? product.m : product.k, a_as_stored ? product.k : product.m,
                   product.count, handle->device),
        problem_of(product.b, "B", b_as_stored ? product.k : product.n, b_as_stored ? product.n : product.k,
                   product.count, handle->device),
        problem_of(product.c, "C", product.m, product.n, product.count, handle->device)}) {
    if (!problem.empty()) return refused(problem);
  }
  if (product.m == 0 || product.n == 0 || product.count == 0) return CUBLAS_STATUS_SUCCESS;
  product.tf32 = product.tf32 || (handle->tf32 && product.a.type == CUDA_R_32F);
  const int device = handle->device;
  const auto run_product = [product, device] {
    ++counters()["gemm"].launches;
    for (const void* data : {product.a.data, product.b.data, product.c.data}) {
      if (product.k > 0 && find_allocation(data) == nullptr) fail("a matrix product of freed memory runs");
    }
    const OpenDeviceMemory open(device);
    run(product);
    check_red_zones(device, "cuBLAS");
  };
  const cudaError_t error = enqueue(handle->stream, {Operation::Kind::gemm, run_product, nullptr});
  return error == cudaSuccess ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}

double scalar(const void* value, cublasComputeType_t compute) {
  return compute == CUBLAS_COMPUTE_64F ? *static_cast<const double*>(value)
                                       : static_cast<double>(*static_cast<const float*>(value));
}

}  // namespace
}  // namespace emulation

using namespace emulation;

cublasStatus_t cublasCreate(cublasHandle_t* handle) {
  const std::scoped_lock lock(runtime_mutex());
  if (check_context() != cudaSuccess) return CUBLAS_STATUS_NOT_INITIALIZED;
  if (check_not_capturing("cublasCreate") != cudaSuccess) return CUBLAS_STATUS_INTERNAL_ERROR;
  *handle = new cublasContext{.device = current_device()};
  handles().insert(*handle);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasDestroy(cublasHandle_t handle) {
  const std::scoped_lock lock(runtime_mutex());
  if (handles().erase(handle) == 0) return CUBLAS_STATUS_NOT_INITIALIZED;
  if (handle->device != current_device()) fail("cublasDestroy while another device is current");
  delete handle;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasGetVersion(cublasHandle_t, int* version) {
  *version = CUBLAS_VERSION;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasSetStream(cublasHandle_t handle, cudaStream_t stream) {
  const std::scoped_lock lock(runtime_mutex());
  if (!handles().contains(handle)) return CUBLAS_STATUS_NOT_INITIALIZED;
  handle->stream = stream;
  handle->own_workspace = false;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasGetStream(cublasHandle_t handle, cudaStream_t* stream) {
  const std::scoped_lock lock(runtime_mutex());
  if (!handles().contains(handle)) return CUBLAS_STATUS_NOT_INITIALIZED;
  *stream = handle->stream;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasSetWorkspace(cublasHandle_t handle, void* workspace, std::size_t bytes) {
  const std::scoped_lock lock(runtime_mutex());
  if (!handles().contains(handle)) return CUBLAS_STATUS_NOT_INITIALIZED;
  if (bytes > 0 && !inside_device_memory(workspace, bytes, handle->device)) {
    return refused("the workspace is not memory of the handle's device");
  }
  handle->own_workspace = bytes > 0;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasSetMathMode(cublasHandle_t handle, cublasMath_t mode) {
  const std::scoped_lock lock(runtime_mutex());
  if (!handles().contains(handle)) return CUBLAS_STATUS_NOT_INITIALIZED;
  handle->tf32 = (static_cast<unsigned>(mode) & 3U) == CUBLAS_TF32_TENSOR_OP_MATH;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasSetPointerMode(cublasHandle_t, cublasPointerMode_t mode) {
  return mode == CUBLAS_POINTER_MODE_HOST ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
}
cublasStatus_t cublasSetAtomicsMode(cublasHandle_t, cublasAtomicsMode_t mode) {
  // Sums would come in an order that varies.
  return mode == CUBLAS_ATOMICS_NOT_ALLOWED ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
}

const char* cublasGetStatusName(cublasStatus_t status) {
  switch (status) {
    case CUBLAS_STATUS_SUCCESS:
      return "CUBLAS_STATUS_SUCCESS";
    case CUBLAS_STATUS_NOT_INITIALIZED:
      return "CUBLAS_STATUS_NOT_INITIALIZED";
    case CUBLAS_STATUS_ALLOC_FAILED:
      return "CUBLAS_STATUS_ALLOC_FAILED";
    case CUBLAS_STATUS_INVALID_VALUE:
      return "CUBLAS_STATUS_INVALID_VALUE";
    case CUBLAS_STATUS_EXECUTION_FAILED:
      return "CUBLAS_STATUS_EXECUTION_FAILED";
    case CUBLAS_STATUS_INTERNAL_ERROR:
      return "CUBLAS_STATUS_INTERNAL_ERROR";
    case CUBLAS_STATUS_NOT_SUPPORTED:
      return "CUBLAS_STATUS_NOT_SUPPORTED";
  }
  return "unknown cuBLAS status";
}
const char* cublasGetStatusString(cublasStatus_t status) { return cublasGetStatusName(status); }

cublasStatus_t cublasGemmStridedBatchedEx(cublasHandle_t handle, cublasOperation_t trans_a,
                                          cublasOperation_t trans_b, int m, int n, int k, const void* alpha,
                                          const void* a, cudaDataType_t a_type, int lda, long long stride_a,
                                          const void* b, cudaDataType_t b_type, int ldb, long long stride_b,
                                          const void* beta, void* c, cudaDataType_t c_type, int ldc,
                                          long long stride_c, int count, cublasComputeType_t compute,
                                          cublasGemmAlgo_t) {
  const bool is_double = compute == CUBLAS_COMPUTE_64F;
  const bool known = is_double ? a_type == CUDA_R_64F && c_type == CUDA_R_64F
                               : a_type != CUDA_R_64F && c_type != CUDA_R_64F &&
                                     (a_type != CUDA_R_32F || c_type == CUDA_R_32F);
  if (!known || a_type != b_type) return CUBLAS_STATUS_NOT_SUPPORTED;
  return enqueue_product(handle, {trans_a,
                                  trans_b,
                                  m,
                                  n,
                                  k,
                                  scalar(alpha, compute),
                                  scalar(beta, compute),
                                  {a, a_type, lda, stride_a},
                                  {b, b_type, ldb, stride_b},
                                  {c, c_type, ldc, stride_c},
                                  count,
                                  compute == CUBLAS_COMPUTE_32F_FAST_TF32 && a_type == CUDA_R_32F});
}

cublasStatus_t cublasGemmEx(cublasHandle_t handle, cublasOperation_t trans_a, cublasOperation_t trans_b,
                            int m, int n, int k, const void* alpha, const void* a, cudaDataType_t a_type,
                            int lda, const void* b, cudaDataType_t b_type, int ldb, const void* beta, void* c,
                            cudaDataType_t c_type, int ldc, cublasComputeType_t compute,
                            cublasGemmAlgo_t algorithm) {
  return cublasGemmStridedBatchedEx(handle, trans_a, trans_b, m, n, k, alpha, a, a_type, lda, 0, b, b_type,
                                    ldb, 0, beta, c, c_type, ldc, 0, 1, compute, algorithm);
}

cublasStatus_t cublasSgemmStridedBatched(cublasHandle_t handle, cublasOperation_t trans_a,
                                         cublasOperation_t trans_b, int m, int n, int k, const float* alpha,
                                         const float* a, int lda, long long stride_a, const float* b, int ldb,
                                         long long stride_b, const float* beta, float* c, int ldc,
                                         long long stride_c, int count) {
  return cublasGemmStridedBatchedEx(handle, trans_a, trans_b, m, n, k, alpha, a, CUDA_R_32F, lda, stride_a, b,
                                    CUDA_R_32F, ldb, stride_b, beta, c, CUDA_R_32F, ldc, stride_c, count,
                                    CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT);
}
cublasStatus_t cublasDgemmStridedBatched(cublasHandle_t handle, cublasOperation_t trans_a,
                                         cublasOperation_t trans_b, int m, int n, int k, const double* alpha,
                                         const double* a, int lda, long long stride_a, const double* b,
                                         int ldb, long long stride_b, const double* beta, double* c, int ldc,
                                         long long stride_c, int count) {
  return cublasGemmStridedBatchedEx(handle, trans_a, trans_b, m, n, k, alpha, a, CUDA_R_64F, lda, stride_a, b,
                                    CUDA_R_64F, ldb, stride_b, beta, c, CUDA_R_64F, ldc, stride_c, count,
                                    CUBLAS_COMPUTE_64F, CUBLAS_GEMM_DEFAULT);
}
cublasStatus_t cublasSgemm(cublasHandle_t handle, cublasOperation_t trans_a, cublasOperation_t trans_b, int m,
                           int n, int k, const float* alpha, const float* a, int lda, const float* b, int ldb,
                           const float* beta, float* c, int ldc) {
  return cublasSgemmStridedBatched(handle, trans_a, trans_b, m, n, k, alpha, a, lda, 0, b, ldb, 0, beta, c,
                                   ldc, 0, 1);
}
cublasStatus_t cublasDgemm(cublasHandle_t handle, cublasOperation_t trans_a, cublasOperation_t trans_b, int m,
                           int n, int k, const double* alpha, const double* a, int lda, const double* b,
                           int ldb, const double* beta, double* c, int ldc) {
  return cublasDgemmStridedBatched(handle, trans_a, trans_b, m, n, k, alpha, a, lda, 0, b, ldb, 0, beta, c,
                                   ldc, 0, 1);
}
