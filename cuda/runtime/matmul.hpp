// Matrix products by cuBLAS, in the row-major terms of the engine. Factors of bfloat16 are multiplied and added up in
// float32. Sizes above 2^31 - 1 are refused.
#pragma once

#include <cublas_v2.h>

#include <cstdint>
#include <memory>

#include "runtime/handles.hpp"
#include "storage.hpp"

namespace indrnn::cuda {

enum class Accumulate : bool { no, yes };

class Matmul {
 public:
  // `device` must be current. INDRNN_CUDA_TF32=1 in the environment lets float32 products round their factors to
  // TF32.
  Matmul(int device, cudaStream_t stream);

  // c [m, n] = a [m, k] b [n, k]^T
  template <class S>
  void multiply_transposed(std::int64_t m, std::int64_t n, std::int64_t k, const S* a, const S* b,
                           S* c) const;
  // c [m, n] = a [m, k] b [k, n]
  template <class S>
  void multiply(std::int64_t m, std::int64_t n, std::int64_t k, const S* a, const S* b, S* c) const;
  // c [m, n] += a [k, m]^T b [k, n]
  template <class S>
  void add_outer(std::int64_t m, std::int64_t n, std::int64_t k, const S* a, const S* b, Compute<S>* c) const;

 private:
  template <class S, class Out>
  void run(cublasOperation_t op_a, cublasOperation_t op_b, std::int64_t m, std::int64_t n, std::int64_t k,
           const S* a, std::int64_t lda, const S* b, std::int64_t ldb, Accumulate accumulate, Out* c) const;

  struct Destroy {
    int device;  // cuBLAS asks for the one that was current when the handle was made
    void operator()(cublasHandle_t handle) const;
  };

  DeviceMemory workspace_;  // of our own, so that captured products find it again
  std::unique_ptr<cublasContext, Destroy> handle_;
  bool tf32_ = false;
};

}  // namespace indrnn::cuda
