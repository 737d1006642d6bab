// Every status of the CUDA runtime and of cuBLAS goes through check(): a failure becomes the engine's exception, one
// sentence that says what was tried and what to do.
#pragma once

#include <cublas_v2.h>
#include <cuda_runtime.h>

namespace indrnn::cuda {

// what: "allocating 12 bytes", as in "[cuda] failed while ...".
[[noreturn]] void throw_cuda_error(cudaError_t status, const char* what);
[[noreturn]] void throw_cublas_error(cublasStatus_t status, const char* what);

inline void check(cudaError_t status, const char* what) {
  if (status != cudaSuccess) throw_cuda_error(status, what);
}
inline void check(cublasStatus_t status, const char* what) {
  if (status != CUBLAS_STATUS_SUCCESS) throw_cublas_error(status, what);
}

}  // namespace indrnn::cuda
