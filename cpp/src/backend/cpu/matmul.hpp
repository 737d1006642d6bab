// Matrix products by the BLAS library, one thread per call.
#pragma once

#include <cstdint>

namespace indrnn::cpu {

enum class Accumulate : bool { no, yes };

// c [m, n] = a [m, k] b[n, k]^T      (y = x W^T)
template <class T>
void multiply_transposed(std::int64_t m, std::int64_t n, std::int64_t k, const T* a, const T* b,
                         Accumulate accumulate, T* c);

// c [m, n] = a [m, k] b [k, n]       (dx = dy W)
template <class T>
void multiply(std::int64_t m, std::int64_t n, std::int64_t k, const T* a, const T* b, Accumulate accumulate,
              T* c);

// c [m, n] = a [k, m]^T b [k, n]     (dW = dy^T x)
template <class T>
void multiply_outer(std::int64_t m, std::int64_t n, std::int64_t k, const T* a, const T* b,
                    Accumulate accumulate, T* c);

// The BLAS library must not start threads of its own below ours. Called once per engine call.
void use_single_threaded_blas();

}  // namespace indrnn::cpu
