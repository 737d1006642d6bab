#include "executor/window_choice.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>

namespace indrnn::cuda {
namespace {

constexpr std::int64_t values_of_a_layer = 3;  // z, h and dh
constexpr std::int64_t tile = 128;  // rows and columns of a product that a multiprocessor takes at a time
// In a window, 3/4 of a wave of tiles: smaller tiles, which cuBLAS has too, fill the rest.
constexpr std::int64_t least_filled_quarters = 3;
// Some 3 us of a launch are 4 MiB written and read again at 3 TB/s.
constexpr std::int64_t least_value_bytes = std::int64_t{4} << 20;
// A layer's values pass some six times through memory in a training step, its weights (read forward and backward, their
// gradient read and written) four times for each window: twice as many rows as features save more than they cost.
constexpr std::int64_t least_rows_per_feature = 2;

std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

}  // namespace

std::int64_t choose_window_steps(const Walk& walk, const DeviceLimits& device) {
  const std::int64_t step_bytes = walk.batch * walk.features * walk.element_bytes;
  if (step_bytes == 0 || walk.time_steps < 2) return walk.time_steps;
  const std::int64_t longest = device.cache_bytes / 2 / (values_of_a_layer * step_bytes);
  if (longest < 1) return walk.time_steps;
  const std::int64_t steps = equal_window_steps(walk.time_steps, longest), rows = steps * walk.batch;
  const std::int64_t tiles = divide_up(rows, tile) * divide_up(walk.features, tile);
  const bool fills = 4 * tiles >= least_filled_quarters * device.multiprocessors;
  const bool pays = rows >= least_rows_per_feature * walk.features && steps * step_bytes >= least_value_bytes;
  return fills && pays ? steps : walk.time_steps;
}

std::optional<std::int64_t> given_window_steps() {
  const char* wanted = std::getenv("INDRNN_CUDA_WINDOW");
  std::int64_t steps = 0;
  if (wanted != nullptr) std::from_chars(wanted, wanted + std::strlen(wanted), steps);
  return steps > 0 ? std::optional(steps) : std::nullopt;
}

std::int64_t window_steps_of_environment(const Walk& walk, const DeviceLimits& device) {
  if (const auto given = given_window_steps()) return equal_window_steps(walk.time_steps, *given);
  const char* wanted = std::getenv("INDRNN_CUDA_WINDOW");
  if (wanted != nullptr && std::strcmp(wanted, "never") == 0) return walk.time_steps;
  return choose_window_steps(walk, device);
}

}  // namespace indrnn::cuda
