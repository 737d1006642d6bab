// sum = a + b, element by element, for a slab of a column (walk.cuh).
#pragma once

#include "device/load_ahead.cuh"
#include "device/walk.cuh"

namespace indrnn::cuda {

template <class S>
struct Add {
  const S *a, *b;  // [steps, B, F]
  S* sum;          // [steps, B, F]; may be a or b
  std::int64_t columns;
  __device__ void operator()(std::int64_t column, std::int64_t first, std::int64_t end) const {
    struct Pair {
      S a, b;
    };
    load_ahead<steps_ahead>(
        first, end, 1,
        [&](std::int64_t t) -> Pair {
          const std::int64_t at = t * columns + column;
          return {load<S>(a + at), load<S>(b + at)};
        },
        [&](std::int64_t t, const Pair& pair) {
          store(sum + t * columns + column, widen(pair.a) + widen(pair.b));
        });
  }
};

}  // namespace indrnn::cuda
