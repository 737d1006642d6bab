// What the steps of a chunk of time compose to, and how the chunks are joined (recurrence_scan.cu).
#pragma once

#include <cmath>

#include "device/activation.cuh"
#include "device/read_ahead.cuh"

namespace indrnn::cuda {

// Beyond this, products of |u| soon overflow.
template <class T>
__device__ T largest() {
  return sizeof(T) == 4 ? T(1e9) : T(1e100);
}

// x -> clamp(a x + b, low, high)
template <class T, bool relu>
struct ForwardMap {
  static constexpr int count = relu ? 4 : 2;  // of numbers
  T a = T(1), b = T(0), low = -T(INFINITY), high = T(INFINITY);

  __device__ static ForwardMap of(const T (&numbers)[count]) {
    ForwardMap map;
    map.a = numbers[0];
    map.b = numbers[1];
    if constexpr (relu) {
      map.low = numbers[2];
      map.high = numbers[3];
    }
    return map;
  }
  __device__ T number(int i) const { return i == 0 ? a : i == 1 ? b : i == 2 ? low : high; }

  __device__ static T image(T bound, T u, T z) { return u == T(0) ? z : u * bound + z; }
  __device__ void then_step(T u, T z) {
    a *= u;
    b = u * b + z;
    if (!relu) return;
    const T one = Relu::value(image(low, u, z)), other = Relu::value(image(high, u, z));
    low = u < T(0) ? other : one;
    high = u < T(0) ? one : other;
  }
  __device__ void reset() {
    a = b = T(0);
    if (relu) low = high = T(0);
  }
  __device__ T operator()(T x) const {
    const T y = a * x + b;
    if (!relu) return y;
    const T cut = y < low ? low : y;
    return cut > high ? high : cut;
  }
  // Not a NaN, and small enough.
  __device__ bool usable() const { return std::fabs(a) <= largest<T>() && std::fabs(b) <= largest<T>(); }
};

// g -> alpha g + beta, from the state behind a chunk to the state before it.
template <class T>
struct BackwardMap {
  static constexpr int count = 2;
  T alpha = T(1), beta = T(0);

  __device__ static BackwardMap of(const T (&numbers)[count]) { return {numbers[0], numbers[1]}; }
  __device__ T number(int i) const { return i == 0 ? alpha : beta; }
  __device__ T operator()(T g) const { return alpha * g + beta; }
  __device__ bool usable() const {
    return std::fabs(alpha) <= largest<T>() && std::fabs(beta) <= largest<T>();
  }
};

// Of each (chunk, column) the numbers of its map, and the state that it starts from.
template <class T>
struct MapTables {
  T *maps, *starts;  // [count of numbers, chunks, columns], [chunks, columns]
  std::int64_t chunks, columns;

  template <class Map>
  __device__ void set(std::int64_t chunk, std::int64_t column, const Map& map) const {
#pragma unroll
    for (int i = 0; i < Map::count; ++i) store(maps + (i * chunks + chunk) * columns + column, map.number(i));
  }
  __device__ T start(std::int64_t chunk, std::int64_t column) const {
    return load(starts + chunk * columns + column);
  }
  // Chunk after chunk of a column, in this direction.
  template <int count>
  __device__ Reading<T, count> reading(std::int64_t chunk, std::int64_t column, int direction) const {
    Reading<T, count> maps_of_column;
#pragma unroll
    for (int i = 0; i < count; ++i) maps_of_column.from[i] = maps + (i * chunks + chunk) * columns + column;
    maps_of_column.stride = direction * columns;
    return maps_of_column;
  }
};

// Takes `state` through all chunks of a column, from the first (direction 1) or the last (-1), and writes
// what each starts from. walk(chunk, state): through a chunk whose map is not usable. The last state is
// returned.
template <class Map, class T, class Walk>
__device__ __forceinline__ T join_chunks(const MapTables<T>& tables, std::int64_t column, int direction,
                                         T state, const Walk& walk) {
  constexpr int count = Map::count,
                depth = 256 / (count * sizeof(T));  // 128 registers for two times `depth` maps
  std::int64_t chunk = direction > 0 ? 0 : tables.chunks - 1;
  T* start = tables.starts + chunk * tables.columns + column;
  const std::int64_t stride = direction * tables.columns;
  read_blocks<depth, false>(
      tables.template reading<count>(chunk, column, direction), tables.chunks,
      [&](auto whole, int left, const Block<T, count, depth>& block) {
        constexpr bool is_whole = decltype(whole)::value;
        bool usable = true;
#pragma unroll
        for (int k = 0; k < depth; ++k)
          if (is_whole || k < left) usable &= Map::of(block.numbers[k]).usable();
        if (usable) {
#pragma unroll
          for (int k = 0; k < depth; ++k) {
            if (!is_whole && k >= left) break;
            store(start, state);
            start += stride;
            state = Map::of(block.numbers[k])(state);
          }
          chunk += direction * depth;
          return;
        }
    // Rare, and so not unrolled: the maps are read again.
#pragma unroll 1
        for (int k = 0; k < depth && k < left; ++k, chunk += direction, start += stride) {
          store(start, state);
          const Reading<T, count> again = tables.template reading<count>(chunk, column, direction);
          T numbers[count];
#pragma unroll
          for (int i = 0; i < count; ++i) numbers[i] = load(again.from[i]);
          const Map map = Map::of(numbers);
          state = map.usable() ? map(state) : walk(chunk, state);
        }
      });
  return state;
}

}  // namespace indrnn::cuda
