// sum = a + b, element by element, for a slab of a column (walk.cuh).
#pragma once

#include "device/walk.cuh"

namespace indrnn::cuda {

template <class S>
struct Add {
  const S *a, *b;  // [steps, B, F]
  S* sum;          // [steps, B, F]; may be a or b
  std::int64_t columns;
  __device__ void operator()(std::int64_t column, std::int64_t first, std::int64_t end) const {
#pragma unroll 4
    for (std::int64_t t = first; t < end; ++t) {
      const std::int64_t at = t * columns + column;
      store(sum + at, load(a + at) + load(b + at));
    }
  }
};

}  // namespace indrnn::cuda
