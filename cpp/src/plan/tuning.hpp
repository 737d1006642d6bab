// All tuning constants, each with what chose it (benchmarks/, `make benchmark`).
#pragma once

#include <cstdint>

namespace indrnn::tuning {

// A chunk of one value: z, h and the gradient of a layer share the core's second-level cache with its weights.
inline constexpr std::int64_t chunk_bytes = 256 * 1024;
// Fewer rows leave the matrix products below their full speed.
inline constexpr std::int64_t least_chunk_rows = 256;
inline constexpr std::int64_t most_chunk_rows = 2048;
// Lanes: enough to keep a many-core machine busy, few enough that reducing their gradients stays below 5 % of the work.
inline constexpr std::int64_t most_lanes = 16;
inline constexpr std::int64_t least_lanes = 2;
inline constexpr std::int64_t least_lane_rows = 256;
// Fewer rows than two such lanes are shared by two lanes all the same where the products of one forward take some 0.1 ms.
inline constexpr std::int64_t least_shared_rows = 64;
inline constexpr double least_shared_work = 5e6;
inline constexpr std::int64_t lane_gradient_bytes = 256 * 1024 * 1024;
// Where windows of time are run again in backward: what one window keeps.
inline constexpr std::int64_t window_bytes = 64 * 1024 * 1024;
// Cheap nodes that may run again in backward to make one value instead of keeping it. The plans of all architectures
// are those without a bound; without one a chain of n such layers would take n^2 / 2 runs.
inline constexpr int most_nodes_run_again = 8;
// A wavefront: chunks that a stage may be ahead of the last one beyond what the pipeline itself needs.
inline constexpr std::int64_t spare_ring_chunks = 4;
// Inputs up to this many features are outer products in registers, not matrix products.
inline constexpr std::int64_t outer_product_inputs = 4;

}  // namespace indrnn::tuning
