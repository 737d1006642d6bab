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

// What all lanes do in one pass over one segment.
template <class T>
struct Pass {
  Run<T>& run;
  const Runners<T>& runners;
  const Segment& segment;
  bool backward = false;

  const std::vector<Instruction>& instructions() const {
    return backward ? segment.backward : segment.forward;
  }
  const std::vector<Stage>& stages() const {
    return backward ? segment.backward_stages : segment.forward_stages;
  }
  Stage all() const { return {0, static_cast<int>(instructions().size())}; }
};

// Chunks of the window; rows without time are one chunk.
template <class T>
std::int64_t chunk_count(const Pass<T>& pass) {
  const std::int64_t left = pass.run.geometry().chunks - pass.run.window_first_chunk;
  return pass.segment.sequence ? std::min(pass.run.plan->window_chunks, left) : 1;
}

template <class T>
std::int64_t tile_count(const Pass<T>& pass, std::int64_t lane) {
  const Geometry& geometry = pass.run.geometry();
  return pass.segment.sequence ? geometry.first_tile(lane + 1) - geometry.first_tile(lane) : 1;
}

// The rows at a position of the lane's walk.
template <class T>
Chunk find_chunk(const Pass<T>& pass, std::int64_t lane, std::int64_t position, int worker) {
  Run<T>& run = pass.run;
  const Geometry& geometry = run.geometry();
  const std::int64_t tiles = tile_count(pass, lane);
  Chunk chunk{
      .position = position, .lane = static_cast<int>(lane), .worker = worker, .backward_pass = pass.backward};
  const std::int64_t first_tile = geometry.first_tile(lane) + position % tiles;
  const std::int64_t end_tile = pass.segment.sequence ? first_tile + 1 : geometry.first_tile(lane + 1);
  chunk.first_sample = geometry.first_sample(first_tile);
  chunk.samples = geometry.first_sample(end_tile) - chunk.first_sample;
  chunk.steps = 1;
  if (pass.segment.sequence) {
    const std::int64_t in_window = position / tiles;
    chunk.index = run.window_first_chunk + (pass.backward ? chunk_count(pass) - 1 - in_window : in_window);
    chunk.first_step = chunk.index * geometry.chunk_steps;
    chunk.steps = std::min(geometry.chunk_steps, geometry.time_steps - chunk.first_step);
  }
  if (run.lengths == nullptr && geometry.time_steps > 0) return chunk;
  // A row without time is real if its sequence has any step.
  std::int64_t* valid =
      run.template pointer<std::int64_t>(run.plan->valid_steps) + worker * run.plan->largest_lane;
  for (std::int64_t s = 0; s < chunk.samples; ++s) {
    const std::int64_t left = run.length(chunk.first_sample + s) - chunk.first_step;
    valid[s] = std::clamp<std::int64_t>(left, 0, chunk.steps);
  }
  chunk.valid = valid;
  return chunk;
}

template <class T>
void run_stage(const Pass<T>& pass, Stage stage, std::int64_t lane, std::int64_t position, int worker) {
  const Chunk chunk = find_chunk(pass, lane, position, worker);
  if (worker == 0) check_interrupt();
  for (int i = stage.first; i < stage.end; ++i) {
    const Instruction& instruction = pass.instructions()[static_cast<std::size_t>(i)];
    const Runner<T>& runner = *pass.runners[static_cast<std::size_t>(instruction.node)];
    if (instruction.direction == Direction::backward) {
      runner.backward(pass.run, chunk);
    } else if (!pass.run.again || !runner.leaves_time()) {
      runner.forward(pass.run, chunk);
    }
  }
}

template <class T>
void walk_lane(const Pass<T>& pass, std::int64_t lane, int worker) {
  const std::int64_t positions = chunk_count(pass) * tile_count(pass, lane);
  for (std::int64_t position = 0; position < positions; ++position) {
    run_stage(pass, pass.all(), lane, position, worker);
  }
}

}  // namespace indrnn::cpu
