// Kernels for rows with and without lengths, chosen before the launch: where there are none, no question stands between
// two loads.
#pragma once

#include <type_traits>

#include "device/walk.cuh"

namespace indrnn::cuda {

// use(std::true_type where there are lengths, else std::false_type)
template <class Use>
void choose_ragged(const Rows& rows, const Use& use) {
  rows.lengths == nullptr ? use(std::false_type{}) : use(std::true_type{});
}

template <bool ragged>
__device__ bool is_real_step(const Rows& rows, std::int64_t t, std::int64_t sample) {
  if constexpr (!ragged) return true;
  return t < valid_steps(rows, sample);
}

template <bool ragged>
__device__ bool is_real_row(const Rows& rows, std::int64_t row) {
  if constexpr (!ragged) return true;
  const std::int64_t t = row / rows.batch;
  return is_real_step<ragged>(rows, t, row - t * rows.batch);
}

}  // namespace indrnn::cuda
