// Into how many windows of time a pass through all layers is cut, so that what lies between two layers stays in the
// device's second-level cache.
//
// A window is as long as the cache allows, and only cut where all three hold (estimates, see docs/cuda.md):
//   fits    z, h and dh of the widest layer take at most half of the cache; the rest is for weights and what is kept
//   fills   a matrix product of its rows gives most multiprocessors a tile
//   pays    what stays in the cache is more than the weights that each window reads again, and a kernel's share of it
//           takes memory longer than another launch does
#pragma once

#include <cstdint>
#include <optional>

namespace indrnn::cuda {

struct DeviceLimits {
  int multiprocessors = 1;
  std::int64_t cache_bytes = 0;  // of the second level
};

// A walk through time: all sequences of a call, [T, B, F].
struct Walk {
  std::int64_t time_steps = 0, batch = 0;
  std::int64_t features = 0;  // of the widest sequence
  std::int64_t element_bytes = 4;
};

// Steps of each window but the last, which may be shorter; T where the walk is not cut.
std::int64_t choose_window_steps(const Walk& walk, const DeviceLimits& device);

// The number of steps in INDRNN_CUDA_WINDOW, if it is one.
std::optional<std::int64_t> given_window_steps();

// INDRNN_CUDA_WINDOW in the environment: `never`, or the number of steps; otherwise the choice above.
std::int64_t window_steps_of_environment(const Walk& walk, const DeviceLimits& device);

// Windows of equal length, but for the last: as many as windows of at most `longest` steps make.
inline std::int64_t equal_window_steps(std::int64_t time_steps, std::int64_t longest) {
  if (longest >= time_steps) return time_steps;
  const std::int64_t windows = (time_steps + longest - 1) / longest;
  return (time_steps + windows - 1) / windows;
}

}  // namespace indrnn::cuda
