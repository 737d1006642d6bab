// What the losses share: rows of features with a mask, in blocks whose sums are added in a fixed order.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>

#include "core/check.hpp"
#include "core/threads.hpp"

namespace indrnn::losses {

// The shape without its last axis: of targets and masks.
inline Shape leading(const Shape& shape) {
  Shape result;
  for (int axis = 0; axis + 1 < shape.rank(); ++axis) result.append(shape[axis]);
  return result;
}

// The mask's memory, or null for no mask.
inline const std::uint8_t* checked_mask(const char* operation, const ConstTensorView& mask,
                                        const Shape& rows) {
  if (!mask.given()) return nullptr;
  check_view(operation, "mask", mask, DType::uint8, rows, "[...]");
  return mask.as<std::uint8_t>();
}

inline std::int64_t count_rows(const std::uint8_t* mask, std::int64_t rows) {
  return mask == nullptr ? rows : rows - std::count(mask, mask + rows, std::uint8_t{0});
}

// The sum of block_sum(first, last) over blocks of at least 2^15 elements, in parallel. Where the blocks lie follows
// from the shape alone, so the sum has the same bits for any number of threads.
template <class BlockSum>
double sum_over_blocks(std::int64_t rows, std::int64_t features, const BlockSum& block_sum) {
  constexpr std::int64_t max_blocks = 256;
  const std::int64_t block = std::max(
      {std::int64_t{1}, 32768 / std::max<std::int64_t>(1, features), (rows + max_blocks - 1) / max_blocks});
  const std::int64_t blocks = (rows + block - 1) / block;
  std::array<double, max_blocks> sums{};
  parallel_for(blocks, [&](std::int64_t task, int) {
    sums[static_cast<std::size_t>(task)] = block_sum(task * block, std::min(rows, (task + 1) * block));
  });
  return std::accumulate(sums.begin(), sums.begin() + blocks, 0.0);
}

}  // namespace indrnn::losses
