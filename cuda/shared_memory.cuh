// Memory that the threads of a block share. The second form of each function is the emulator's (docs/cuda.md, "testing
// without a GPU"): it fills the memory with NaN before each block, which a plain __shared__ array would not be.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>

namespace indrnn::cuda {

#ifdef __CUDACC__

// The launch's dynamic shared memory, config.dynamicSmemBytes long.
template <class T>
__device__ __forceinline__ T* shared_memory() {
  extern __shared__ __align__(16) unsigned char dynamic_shared_memory[];
  return reinterpret_cast<T*>(dynamic_shared_memory);
}

// A static array. Tag tells arrays of the same type and size apart: shared_array<float, 32, struct PartialSums>().
template <class T, int size, class Tag>
__device__ __forceinline__ T* shared_array() {
  __shared__ T array[size];
  return array;
}

#else

template <class T>
T* shared_memory() {
  return static_cast<T*>(emulation::dynamic_shared_memory(alignof(T)));
}

template <class T, int size, class Tag>
T* shared_array() {
  static char key;  // its address names the array
  return static_cast<T*>(emulation::static_shared_memory(&key, std::size_t{size} * sizeof(T)));
}

#endif

}  // namespace indrnn::cuda
