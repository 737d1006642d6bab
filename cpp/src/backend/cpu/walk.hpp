// The walk of one lane through one segment: chunk after chunk in time, in each chunk tile after tile, and with each
// tile depth first through the segment's nodes. Backward the same, from the last chunk.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "backend/cpu/run.hpp"
#include "backend/cpu/runner.hpp"
#include "core/threads.hpp"

namespace indrnn::cpu {

template <class T>
using Runners = std::vector<std::unique_ptr<Runner<T>>>;

// Sets steps and valid steps of the chunk whose index, samples and worker are set.
template <class T>
void find_steps(Run<T>& run, const Segment& segment, Chunk& chunk) {
  const Geometry& geometry = run.geometry();
  chunk.valid = nullptr;
  if (!segment.sequence) {
    chunk.first_step = 0;
    chunk.steps = 1;
    return;
  }
  chunk.first_step = chunk.index * geometry.chunk_steps;
  chunk.steps = std::min(geometry.chunk_steps, geometry.time_steps - chunk.first_step);
  if (run.lengths == nullptr) return;
  std::int64_t* valid =
      run.template pointer<std::int64_t>(run.plan->valid_steps) + chunk.worker * run.plan->largest_lane;
  for (std::int64_t s = 0; s < chunk.samples; ++s) {
    const std::int64_t left = run.lengths[chunk.first_sample + s] - chunk.first_step;
    valid[s] = std::clamp<std::int64_t>(left, 0, chunk.steps);
  }
  chunk.valid = valid;
}

// One chunk of time for all tiles of the lane. Rows without time go through in one piece.
template <class T>
void walk_chunk(Run<T>& run, const Runners<T>& runners, const Segment& segment,
                const std::vector<Instruction>& instructions, Chunk& chunk) {
  const Geometry& geometry = run.geometry();
  const std::int64_t first = geometry.first_tile(chunk.lane), end = geometry.first_tile(chunk.lane + 1);
  const std::int64_t stride = segment.sequence ? 1 : end - first;
  for (std::int64_t tile = first; tile < end; tile += stride) {
    chunk.first_sample = geometry.first_sample(tile);
    chunk.samples = geometry.first_sample(tile + stride) - chunk.first_sample;
    find_steps(run, segment, chunk);
    if (chunk.worker == 0) check_interrupt();
    for (const Instruction& instruction : instructions) {
      const Runner<T>& runner = *runners[static_cast<std::size_t>(instruction.node)];
      instruction.direction == Direction::backward ? runner.backward(run, chunk) : runner.forward(run, chunk);
    }
  }
}

template <class T>
void walk_forward(Run<T>& run, const Runners<T>& runners, const Segment& segment, int lane, int worker) {
  Chunk chunk{.lane = lane, .worker = worker};
  if (!segment.sequence) return walk_chunk(run, runners, segment, segment.forward, chunk);
  const std::int64_t end = std::min(run.window_first_chunk + run.plan->window_chunks, run.geometry().chunks);
  for (chunk.index = run.window_first_chunk; chunk.index < end; ++chunk.index) {
    walk_chunk(run, runners, segment, segment.forward, chunk);
  }
}

template <class T>
void walk_backward(Run<T>& run, const Runners<T>& runners, const Segment& segment, int lane, int worker) {
  Chunk chunk{.lane = lane, .worker = worker, .backward_pass = true};
  if (!segment.sequence) return walk_chunk(run, runners, segment, segment.backward, chunk);
  const std::int64_t end = std::min(run.window_first_chunk + run.plan->window_chunks, run.geometry().chunks);
  for (chunk.index = end - 1; chunk.index >= run.window_first_chunk; --chunk.index) {
    walk_chunk(run, runners, segment, segment.backward, chunk);
  }
}

}  // namespace indrnn::cpu
