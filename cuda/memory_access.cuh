// Every read and write of device memory goes through these, so that the emulator can check that it is aligned and
// inside an allocation, and count bytes: docs/cuda.md states what each kernel moves and a test holds it to that.
#pragma once

#include <cuda_runtime.h>

namespace indrnn::cuda {

template <class T>
__device__ __forceinline__ T load(const T* pointer) {
#ifndef __CUDACC__
  emulation::count_load(pointer, sizeof(T), alignof(T));
#endif
  return *pointer;
}

// For what is read once: it does not push other data out of the cache.
template <class T>
__device__ __forceinline__ T load_once(const T* pointer) {
#ifdef __CUDACC__
  return __ldcs(pointer);
#else
  return load(pointer);
#endif
}

// For what nothing writes during the launch.
template <class T>
__device__ __forceinline__ T load_constant(const T* pointer) {
#ifdef __CUDACC__
  return __ldg(pointer);
#else
  return load(pointer);
#endif
}

template <class T>
__device__ __forceinline__ void store(T* pointer, T value) {
#ifndef __CUDACC__
  emulation::count_store(pointer, sizeof(T), alignof(T));
#endif
  *pointer = value;
}

template <class T>
__device__ __forceinline__ void store_once(T* pointer, T value) {
#ifdef __CUDACC__
  __stcs(pointer, value);
#else
  store(pointer, value);
#endif
}

}  // namespace indrnn::cuda
