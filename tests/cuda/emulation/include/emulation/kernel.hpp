// What a kernel sees of the emulator: where its thread is, barriers, shared memory, checked access to device memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <source_location>

#include "emulation/vector_types.hpp"

extern constinit thread_local uint3 threadIdx;
extern constinit thread_local uint3 blockIdx;
extern constinit thread_local dim3 blockDim;
extern constinit thread_local dim3 gridDim;
inline constexpr int warpSize = 32;

namespace emulation {

using Where = std::source_location;

void block_barrier(Where where);

// All lanes of mask meet; each gives a value and gets those of all: 32 values, of which the mask's are set.
// They stay readable until this thread's next exchange.
const std::uint64_t* exchange(unsigned mask, std::uint64_t value, Where where);
unsigned lane();

void* dynamic_shared_memory(std::size_t alignment);
void* static_shared_memory(const void* key, std::size_t bytes);

// Fail unless the bytes lie aligned inside one live allocation that the running kernel's device can reach.
void count_load(const void* pointer, std::size_t bytes, std::size_t alignment);
void count_store(const void* pointer, std::size_t bytes, std::size_t alignment);

}  // namespace emulation

inline void __syncthreads(emulation::Where where = emulation::Where::current()) {
  emulation::block_barrier(where);
}

inline void __threadfence() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
inline void __threadfence_block() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

// Loads and stores with a cache hint.
template <class T>
T __ldg(const T* pointer) {
  emulation::count_load(pointer, sizeof(T), alignof(T));
  return *pointer;
}
template <class T>
T __ldcs(const T* pointer) {
  return __ldg(pointer);
}
template <class T>
T __ldcg(const T* pointer) {
  return __ldg(pointer);
}
template <class T>
T __ldca(const T* pointer) {
  return __ldg(pointer);
}
template <class T>
void __stcs(T* pointer, T value) {
  emulation::count_store(pointer, sizeof(T), alignof(T));
  *pointer = value;
}
template <class T>
void __stcg(T* pointer, T value) {
  __stcs(pointer, value);
}
template <class T>
void __stwt(T* pointer, T value) {
  __stcs(pointer, value);
}
