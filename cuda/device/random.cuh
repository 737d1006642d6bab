// The engine's random numbers (core/random_stream.hpp) on the device: the same ones as on the CPU. Seed and count of
// forwards are read from device memory, so that captured work draws new numbers each time.
#pragma once

#include "core/random_stream.hpp"
#include "executor/run.hpp"
#include "memory_access.cuh"

namespace indrnn::cuda {

// Whether something with probability p happens to element `index` of `row`. first_block: of the row's numbers, four
// each.
struct Chance {
  const CallNumbers* numbers;
  Purpose purpose;
  std::uint32_t node;
  float p;

  __device__ RandomStream stream() const {
    return {load_constant(&numbers->seed), purpose, node, load_constant(&numbers->forwards)};
  }
  // What the numbers of a sample are drawn by.
  __device__ std::uint64_t row_of(std::int64_t sample) const {
    return static_cast<std::uint64_t>(load_constant(&numbers->first_sample) + sample);
  }
  __device__ bool happens(const RandomStream& random, std::uint64_t row, std::int64_t index,
                          std::int64_t first_block = 0) const {
    const Random4 four = random.draw(row, first_block + index / 4);
    const int word = static_cast<int>(index % 4);
    // Indexed by constants: an index known at run time would put the four words into local memory.
    const std::uint32_t chosen = word == 0   ? four.word[0]
                                 : word == 1 ? four.word[1]
                                 : word == 2 ? four.word[2]
                                             : four.word[3];
    return uniform_float(chosen) < p;
  }
};

}  // namespace indrnn::cuda
