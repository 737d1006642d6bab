// How the flat buffers are cut into blocks that threads work on. Blocks follow from sizes and names alone.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "backend/cpu/kernels/optimizer.hpp"
#include "core/threads.hpp"
#include "indrnn/optim.hpp"

namespace indrnn::optim {

inline constexpr std::int64_t block_size =
    32768;  // elements: a block of Adam's four arrays fits in a core's cache

// Blocks of at most block_size; of parameters whose names end in `bias` or `weight_hh`, none is decayed.
std::vector<ParameterBlock> parameter_blocks(Network& network);

// Calls function(begin, end, block) for blocks of [0, count), at most max_flat_blocks of them, in parallel.
inline constexpr std::int64_t max_flat_blocks = 256;
template <class Function>
void for_flat_blocks(std::int64_t count, const Function& function) {
  const std::int64_t size = std::max(block_size, (count + max_flat_blocks - 1) / max_flat_blocks);
  parallel_for((count + size - 1) / size, [&](std::int64_t block, int) {
    function(block * size, std::min(count, (block + 1) * size), block);
  });
}

template <class T>
const cpu::OptimizerKernels<T>& kernels() {
  using namespace cpu;
  static const OptimizerKernels<T> table = pick_isa(INDRNN_ISA_ALTERNATIVES(optimizer_kernels<T>));
  return table;
}

// Throws unless the value is a number of at least 0.
void check_not_negative(const char* operation, const char* argument, double value);
// Throws unless 0 <= value < 1.
void check_below_one(const char* operation, const char* argument, double value);

bool is_recurrent_weight(const std::string& name);

}  // namespace indrnn::optim
