// Fixed-width vectors of the instruction set this file is compiled for (GCC/Clang vector extensions).
// Everything is in a namespace named after the instruction set: copies for different sets must never be merged.
#pragma once

#include <cstdint>
#include <cstring>

namespace indrnn::cpu::INDRNN_ISA {

#if defined(__AVX512F__)
inline constexpr int vector_bytes = 64;
inline constexpr int registers = 32;
#elif defined(__AVX__)
inline constexpr int vector_bytes = 32;
inline constexpr int registers = 16;
#else
inline constexpr int vector_bytes = 16;
inline constexpr int registers = 16;
#endif

template <class T, int bytes = vector_bytes>
struct VectorOf {
  typedef T type __attribute__((vector_size(bytes)));
};
template <class T>
using Vector = typename VectorOf<T>::type;
template <class T>
using Single = typename VectorOf<T, sizeof(T)>::type;  // one lane, for the features that do not fill a vector

template <class T>
inline constexpr int lanes = vector_bytes / static_cast<int>(sizeof(T));

template <class V, class T>
inline V load(const T* from) {
  V v;
  std::memcpy(&v, from, sizeof(V));
  return v;
}

template <class V, class T>
inline void store(T* to, V v) {
  std::memcpy(to, &v, sizeof(V));
}

template <class V, class T>
inline V broadcast(T x) {
  return V{} + x;
}

// sums[i] += v[i]
template <class V>
inline void add_to(double* sums, V v) {
  constexpr int count = static_cast<int>(sizeof(V) / sizeof(v[0]));
  for (int i = 0; i < count; ++i) sums[i] += static_cast<double>(v[i]);
}

// The sum of the lanes, halves first.
template <class T, class V>
inline T add_lanes(V v) {
  if constexpr (sizeof(V) == sizeof(T)) {
    return v[0];
  } else {
    typename VectorOf<T, sizeof(V) / 2>::type halves[2];
    std::memcpy(halves, &v, sizeof(V));
    return add_lanes<T>(halves[0] + halves[1]);
  }
}

// Float32 sums stay this short before they go to float64.
inline constexpr std::int64_t most_run_rows = 64;

// Calls run(start, end) for short runs of the rows [first, last).
template <class Run>
inline void for_short_runs(std::int64_t first, std::int64_t last, const Run& run) {
  for (std::int64_t start = first; start < last; start += most_run_rows) {
    run(start, start + most_run_rows < last ? start + most_run_rows : last);
  }
}

// Calls block.template operator()<V, N>(first): N vectors V from feature `first` on, until all features are covered.
template <class T, int N, class Block>
inline void for_each_block(std::int64_t features, const Block& block) {
  constexpr std::int64_t wide = N * lanes<T>;
  std::int64_t first = 0;
  for (; first + wide <= features; first += wide) block.template operator()<Vector<T>, N>(first);
  for (; first + lanes<T> <= features; first += lanes<T>) block.template operator()<Vector<T>, 1>(first);
  for (; first < features; ++first) block.template operator()<Single<T>, 1>(first);
}

}  // namespace indrnn::cpu::INDRNN_ISA
