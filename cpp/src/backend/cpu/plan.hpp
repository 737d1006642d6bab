// The plan: where every value, gradient, state and sum of one (graph, T, B, mode) lies in one workspace.
// Made once, then run any number of times without allocating.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "plan/geometry.hpp"
#include "plan/graph.hpp"
#include "plan/program.hpp"

namespace indrnn::cpu {

// full: all rows, `offset` bytes from the workspace. scratch: one chunk, `offset` bytes from the running worker's arena.
// ring: some chunks of each lane, `offset` bytes from the workspace: what one stage of a wavefront leaves for the next.
struct Place {
  enum class Kind { full, scratch, ring } kind = Kind::full;
  std::size_t offset = 0;
  std::size_t chunk_bytes = 0;  // of a ring
};

// How far a stage of a lane has come in a wavefront.
struct StageProgress {
  std::int64_t passed = 0;  // positions of the walk
  bool running = false;
};

struct Plan {
  Program program;
  Geometry geometry;
  int workers = 1;
  // Fewer lanes than workers: they share the stages of a lane instead, chunk behind chunk.
  bool wavefront = false;
  std::int64_t stages = 1;  // most of a segment
  std::int64_t ring_chunks = 0;
  // Full values hold the steps of one window: all of T, or some chunks where windows are run again in backward.
  std::int64_t window_steps = 0;
  std::int64_t window_chunks = 0;
  std::int64_t windows = 1;

  // By value. What has chunk size may lie in different places in the two passes.
  std::vector<Place> forward_values, backward_values, gradients;
  std::vector<std::size_t> node_memory;  // by node: the runner's own
  std::vector<std::size_t> carries;      // by state: [B, F], the state as time is walked
  std::vector<std::size_t>
      boundaries;  // by state: [chunks of a window, B, F], the state each chunk started from; keep only
  std::vector<std::size_t> carry_gradients;  // by state: [B, F]; keep only
  std::vector<std::size_t> window_states;    // by state: [windows, B, F]; recompute only
  std::size_t inputs = 0;                    // copy of x; recompute only
  std::size_t lengths = 0;                   // int64 [B]
  std::size_t resets = 0;                    // uint8 [T, B]; keep only
  std::size_t lane_matrices = 0;             // [lanes, parameters]; keep only
  std::size_t lane_vectors = 0;              // float64 [lanes, rank-1 parameters]; keep only
  std::size_t wavefront_progress = 0;        // StageProgress [lanes, stages]
  std::size_t valid_steps = 0;               // int64 [workers, samples of the largest lane]
  std::size_t arenas = 0;                    // [workers, arena_bytes]
  std::size_t arena_bytes = 0;
  std::size_t total_bytes = 0;

  std::int64_t largest_lane = 0;  // samples
};

// node_bytes: what the runner of a node wants for itself under this geometry. window_batch: see ForwardCall.
Plan make_plan(
    const Graph& graph, Mode mode, std::int64_t time_steps, std::int64_t batch, std::int64_t window_batch,
    std::size_t element_bytes, int workers,
    const std::function<std::size_t(int node, const Geometry&, std::int64_t window_steps)>& node_bytes);

}  // namespace indrnn::cpu
