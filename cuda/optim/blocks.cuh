// One pass over a network's flat buffers. Grid row y is one ParameterBlock; its elements share whether they decay.
#pragma once

#include "launch.cuh"
#include "memory_access.cuh"
#include "optim/numbers.hpp"

namespace indrnn::cuda {

inline constexpr int update_threads = 256;
inline constexpr std::int64_t updates_per_thread = 4;

// update(element, decayed) for every element of the blocks.
template <class Update>
__global__ void __launch_bounds__(update_threads)
    update_blocks(const optim::ParameterBlock* blocks, Update update) {
  const std::int64_t begin = load_constant(&blocks[blockIdx.y].begin),
                     end = load_constant(&blocks[blockIdx.y].end);
  const bool decayed =
      load_constant(reinterpret_cast<const unsigned char*>(&blocks[blockIdx.y].decayed)) != 0;
  if (begin + blockIdx.x * std::int64_t{update_threads} >= end) return;  // the grid fits the longest block
  update.start();
  for (std::int64_t i = begin + blockIdx.x * std::int64_t{update_threads} + threadIdx.x; i < end;
       i += std::int64_t{gridDim.x} * update_threads)
    update(i, decayed);
}

template <class Update>
void launch_update(const char* name, cudaStream_t stream, const OptimizerSlot& slot, const Update& update) {
  constexpr std::int64_t most_rows = 32768;
  const auto count = static_cast<std::int64_t>(slot.blocks.size());
  for (std::int64_t first = 0; first < count; first += most_rows) {
    std::int64_t longest = 1;
    const std::int64_t rows = first + most_rows < count ? most_rows : count - first;
    for (std::int64_t i = first; i < first + rows; ++i) {
      const optim::ParameterBlock& block = slot.blocks[static_cast<std::size_t>(i)];
      longest = block.end - block.begin > longest ? block.end - block.begin : longest;
    }
    launch({name, dim3(grid_size(longest, update_threads * updates_per_thread), static_cast<unsigned>(rows)),
            dim3(update_threads), stream},
           update_blocks<Update>,
           static_cast<const optim::ParameterBlock*>(slot.device_blocks.as<optim::ParameterBlock>()) + first,
           update);
  }
}

}  // namespace indrnn::cuda
