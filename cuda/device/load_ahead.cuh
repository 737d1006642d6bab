// Loops whose loads run ahead of their stores. The compiler has to take it that what one step stores is what the next one
// loads, as nothing tells it that the pointers differ: written as "load, compute, store", a loop waits for memory in every
// step, however far it is unrolled.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace indrnn::cuda {

// use(i, read(i)) for i = first, first + stride, ... before end, in this order, with `depth` reads asked for before the
// first use. A use may write over what is read for its own i, not for another.
template <int depth, class Read, class Use>
__device__ __forceinline__ void load_ahead(std::int64_t first, std::int64_t end, std::int64_t stride,
                                           const Read& read, const Use& use) {
  using Element = decltype(read(first));
  std::int64_t start = first;
  for (; start + (depth - 1) * stride < end; start += depth * stride) {
    Element elements[depth];
#pragma unroll
    for (int k = 0; k < depth; ++k) elements[k] = read(start + k * stride);
#pragma unroll
    for (int k = 0; k < depth; ++k) use(start + k * stride, elements[k]);
  }
  // The rest, as many at once: slabs of time are often shorter than `depth` steps.
  if (start >= end) return;
  Element elements[depth]{};
#pragma unroll
  for (int k = 0; k < depth; ++k) {
    if (start + k * stride < end) elements[k] = read(start + k * stride);
  }
#pragma unroll
  for (int k = 0; k < depth; ++k) {
    if (start + k * stride < end) use(start + k * stride, elements[k]);
  }
}

inline constexpr int steps_ahead = 8;  // of a walk over a slab of time (walk.cuh)

}  // namespace indrnn::cuda
