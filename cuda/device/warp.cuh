// Sums and maxima over the threads of a warp and of a block, in a fixed order; every thread gets the result.
#pragma once

#include <cuda_runtime.h>

#include "shared_memory.cuh"

namespace indrnn::cuda {

inline constexpr unsigned whole_warp = 0xffffffffu;

template <class T>
__device__ inline T warp_sum(T value) {
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2) value += __shfl_xor_sync(whole_warp, value, distance);
  return value;
}

// NaN is ignored unless all are.
template <class T>
__device__ inline T warp_maximum(T value) {
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2) {
    const T other = __shfl_xor_sync(whole_warp, value, distance);
    value = other > value ? other : value;
  }
  return value;
}

// Of a block of `threads` in one dimension, a multiple of 32. Every thread of the block must come here.
template <int threads, class T>
__device__ inline T block_sum(T value) {
  value = warp_sum(value);
  if constexpr (threads > 32) {
    T* sums = shared_array<T, threads / 32, struct BlockSums>();
    __syncthreads();  // an earlier sum may still be read
    if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = value;
    __syncthreads();
    value = T(0);
    for (int warp = 0; warp < threads / 32; ++warp) value += sums[warp];
  }
  return value;
}

template <int threads, class T>
__device__ inline T block_maximum(T value) {
  value = warp_maximum(value);
  if constexpr (threads > 32) {
    T* maxima = shared_array<T, threads / 32, struct BlockMaxima>();
    __syncthreads();
    if (threadIdx.x % 32 == 0) maxima[threadIdx.x / 32] = value;
    __syncthreads();
    value = maxima[0];
    for (int warp = 1; warp < threads / 32; ++warp) value = maxima[warp] > value ? maxima[warp] : value;
  }
  return value;
}

}  // namespace indrnn::cuda
