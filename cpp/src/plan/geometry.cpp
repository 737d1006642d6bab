#include "plan/geometry.hpp"

#include <algorithm>
#include <bit>

#include "plan/tuning.hpp"

namespace indrnn {
namespace {

std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// What memory and work allow: each lane keeps its own sums of gradients, and must be worth waking a thread for.
std::int64_t most_lanes(std::int64_t rows, std::int64_t parameter_bytes, std::int64_t element_bytes) {
  const std::int64_t by_memory =
      std::max(tuning::least_lanes, tuning::lane_gradient_bytes / std::max<std::int64_t>(1, parameter_bytes));
  std::int64_t by_work = std::max<std::int64_t>(1, rows / tuning::least_lane_rows);
  // Few rows of a wide network are work enough for two.
  const double multiplications =
      static_cast<double>(rows) * static_cast<double>(parameter_bytes / element_bytes);
  if (by_work == 1 && rows >= tuning::least_shared_rows && multiplications >= tuning::least_shared_work) {
    by_work = tuning::least_lanes;
  }
  const std::int64_t most = std::min({by_memory, by_work, tuning::most_lanes});
  // A power of two splits evenly over most thread counts.
  return static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(most)));
}

}  // namespace

Geometry make_geometry(std::int64_t time_steps, std::int64_t batch, std::int64_t widest,
                       std::int64_t element_bytes, std::int64_t parameter_bytes) {
  Geometry geometry{.time_steps = time_steps, .batch = batch};
  const std::int64_t cached = tuning::chunk_bytes / std::max<std::int64_t>(1, widest * element_bytes);
  // Wide layers outgrow the cache anyway: there more rows let each pass over the weights do more work.
  const std::int64_t rows =
      std::clamp(cached, std::max(tuning::least_chunk_rows, std::min(widest, tuning::most_chunk_rows)),
                 tuning::most_chunk_rows);

  geometry.chunks = std::max<std::int64_t>(1, divide_up(time_steps, rows));
  geometry.chunk_steps = divide_up(time_steps, geometry.chunks);
  if (geometry.chunks > 1) geometry.chunks = divide_up(time_steps, geometry.chunk_steps);
  if (batch == 0) {  // one lane with nothing in it: nobody needs to ask
    geometry.tiles = geometry.lanes = 1;
    return geometry;
  }

  const std::int64_t lanes = most_lanes(time_steps * batch, parameter_bytes, element_bytes);
  std::int64_t tile_samples = 1;
  if (geometry.chunks == 1)
    tile_samples = std::clamp<std::int64_t>(rows / std::max<std::int64_t>(1, time_steps), 1, batch);
  geometry.tiles = std::min(batch, std::max(lanes, divide_up(batch, tile_samples)));
  if (geometry.tiles > 1) {
    geometry.tiles = std::min<std::int64_t>(
        batch, static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(geometry.tiles))));
  }
  geometry.lanes =
      static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(std::min(geometry.tiles, lanes))));
  return geometry;
}

}  // namespace indrnn
