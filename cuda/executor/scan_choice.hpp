// Whether a recurrence walks time with one thread per column, or with several chunks of time at once.
//
// All in units of one step of one thread that waits for nothing but its own loads (some 40 ns, see docs/cuda.md):
//   sequential   T w(columns)
//   chunks C     2.5 (T / C) w(columns C)  (to sum up a chunk, and to walk it)  +  C  (to join them)  +  250 (launches)
// where w(threads) = max(1, threads / (512 per multiprocessor)) is how much longer a step takes once the device is full.
#pragma once

#include <cstdint>

#include "executor/plan.hpp"

namespace indrnn::cuda {

// 1: the sequential kernel. Never decreases with `steps`. What follows is the plan's alone: INDRNN_CUDA_SCAN is read
// when a plan is made.
std::int64_t choose_chunks(const Sizes& sizes, std::int64_t steps, std::int64_t columns);

// Chunks of equal length, but for the last: at most `chunks` of them.
inline std::int64_t equal_chunks(std::int64_t steps, std::int64_t chunks) {
  if (chunks < 2) return 1;
  const std::int64_t length = (steps + chunks - 1) / chunks;
  return (steps + length - 1) / length;
}

// INDRNN_CUDA_SCAN=never|always in the environment.
ScanPolicy scan_policy_of_environment();

}  // namespace indrnn::cuda
