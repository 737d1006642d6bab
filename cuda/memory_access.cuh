// Every read and write of device memory goes through these, so that the emulator can check that it is aligned and
// inside an allocation, and count bytes: docs/cuda.md states what each kernel moves and a test holds it to that.
#pragma once

#include <cuda_runtime.h>

#include "storage.hpp"

namespace indrnn::cuda {

// Between what is stored and what is computed with (storage.hpp); a float is rounded to the nearest bfloat16.
template <class T>
__device__ __forceinline__ T widen(T stored) {
  return stored;
}
__device__ __forceinline__ float widen(__nv_bfloat16 stored) { return __bfloat162float(stored); }

template <class T>
__device__ __forceinline__ T load(const T* pointer) {
#ifndef __CUDACC__
  emulation::count_load(pointer, sizeof(T), alignof(T));
#endif
  return *pointer;
}

__device__ __forceinline__ float load(const __nv_bfloat16* pointer) {
  return widen(load<__nv_bfloat16>(pointer));
}

// For what is read once: it does not push other data out of the cache. As it is stored: to widen it at once would be to
// wait for it, and these loads run ahead of their use.
template <class T>
__device__ __forceinline__ T load_once(const T* pointer) {
#ifdef __CUDACC__
  return __ldcs(pointer);
#else
  return load<T>(pointer);
#endif
}

// For what nothing writes during the launch.
template <class T>
__device__ __forceinline__ T load_constant(const T* pointer) {
#ifdef __CUDACC__
  return __ldg(pointer);
#else
  return load<T>(pointer);
#endif
}

template <class T>
__device__ __forceinline__ void store(T* pointer, T value) {
#ifndef __CUDACC__
  emulation::count_store(pointer, sizeof(T), alignof(T));
#endif
  *pointer = value;
}

__device__ __forceinline__ void store(__nv_bfloat16* pointer, float value) {
  store<__nv_bfloat16>(pointer, __float2bfloat16_rn(value));
}

}  // namespace indrnn::cuda
