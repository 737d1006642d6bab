// Reading along the steps of a column, the next `depth` of them under way while the present ones are used:
// what depends on the step before waits for memory once in `depth` steps, if at all. Numbers are widened
// where they are used.
#pragma once

#include <type_traits>

#include "memory_access.cuh"

namespace indrnn::cuda {

// What is read: `count` sequences side by side, and the resets that belong to them.
template <class S, int count>
struct Reading {
  const S* from[count];
  std::int64_t stride;                   // to the next step; below 0: back in time
  const std::uint8_t* resets = nullptr;  // or nullptr: none
  std::int64_t resets_stride = 0;
  bool again = false;  // the same is read again soon: it should stay in the cache
};

// The numbers of `depth` steps, and a bit for each of them: whether its state before counts as zero.
template <class S, int count, int depth>
struct Block {
  S numbers[depth][count];
  unsigned resets = 0;
  __device__ bool is_reset(int k) const { return (resets >> k & 1) != 0; }
};

// use(whole, left, block) for each block of `steps` steps. left: steps from its first one on, as far as they
// are among the next 2 depth. whole: a constant; where it is true, all 2 depth of them are there, and nothing
// is tested step by step.
template <int depth, bool with_resets, class S, int count, class Use>
__device__ __forceinline__ void read_blocks(Reading<S, count> reading, std::int64_t steps, const Use& use) {
  static_assert(depth <= 32);
  S ahead[depth][count] = {};
  std::uint8_t resets_ahead[depth] = {};
  const auto ask = [&](int k) {
#pragma unroll
    for (int i = 0; i < count; ++i) {
      ahead[k][i] = reading.again ? load<S>(reading.from[i]) : load_once(reading.from[i]);
      reading.from[i] += reading.stride;
    }
    if (!with_resets) return;
    resets_ahead[k] = load_constant(reading.resets);
    reading.resets += reading.resets_stride;
  };
  const auto next = [&](auto whole, int left) {
    constexpr bool is_whole = decltype(whole)::value;
    Block<S, count, depth> block;
#pragma unroll
    for (int k = 0; k < depth; ++k) {
#pragma unroll
      for (int i = 0; i < count; ++i) block.numbers[k][i] = ahead[k][i];
      if (with_resets) block.resets |= static_cast<unsigned>(resets_ahead[k] != 0) << k;
      if (is_whole || depth + k < left) ask(k);
    }
    use(whole, left, block);
  };
#pragma unroll
  for (int k = 0; k < depth; ++k) {
    if (k < steps) ask(k);
  }
  std::int64_t left = steps;
  for (; left >= 2 * depth; left -= depth) next(std::true_type{}, 2 * depth);
  for (; left > 0; left -= depth) next(std::false_type{}, static_cast<int>(left));
}

// step(numbers, is reset) for each step, behind_block() behind the last of each block.
template <int depth, bool with_resets, class S, int count, class Step, class BehindBlock>
__device__ __forceinline__ void read_steps(const Reading<S, count>& reading, std::int64_t steps,
                                           const Step& step, const BehindBlock& behind_block) {
  read_blocks<depth, with_resets>(reading, steps,
                                  [&](auto whole, int left, const Block<S, count, depth>& block) {
                                    constexpr bool is_whole = decltype(whole)::value;
#pragma unroll
                                    for (int k = 0; k < depth; ++k) {
                                      if (!is_whole && k >= left) break;
                                      step(block.numbers[k], with_resets && block.is_reset(k));
                                    }
                                    behind_block();
                                  });
}

template <int depth, bool with_resets, class S, int count, class Step>
__device__ __forceinline__ void read_steps(const Reading<S, count>& reading, std::int64_t steps,
                                           const Step& step) {
  read_steps<depth, with_resets>(reading, steps, step, [] {});
}

}  // namespace indrnn::cuda
