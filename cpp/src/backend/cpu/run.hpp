// One call of forward or backward: the plan, the memory it lies in, and what the caller gave.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>

#include "backend/cpu/plan.hpp"
#include "indrnn/tensor.hpp"
#include "plan/ranks.hpp"

namespace indrnn::cpu {

// The rows a runner works on: samples [first_sample, + samples) and steps [first_step, + steps), sample-major.
struct Chunk {
  std::int64_t first_sample = 0, samples = 0;
  std::int64_t first_step = 0, steps = 0;
  std::int64_t index = 0;               // in time
  const std::int64_t* valid = nullptr;  // [samples] real steps in this chunk; nullptr: all
  std::int64_t position = 0;            // in the lane's walk
  int lane = 0;
  int worker = 0;
  bool backward_pass = false;

  bool first() const { return index == 0; }
  std::int64_t rows() const { return samples * steps; }
  std::int64_t valid_steps(std::int64_t sample) const { return valid != nullptr ? valid[sample] : steps; }
};

template <class T>
struct Run {
  const Graph* graph = nullptr;
  const Plan* plan = nullptr;
  std::byte* memory = nullptr;

  const T* parameters = nullptr;
  T* buffers = nullptr;
  std::uint64_t seed = 0;  // dropout draws from (seed, forwards, sample, feature, node)
  std::uint64_t forwards = 0;
  std::int64_t start_step = 0;    // time steps since the state was reset, before this call
  std::int64_t first_sample = 0;  // index of sample 0 in the global batch
  // In training; called between segments, by the thread that runs the call. nullptr: this batch is all there is.
  std::shared_ptr<Ranks> ranks{};
  std::int64_t window_first_chunk = 0;
  bool again = false;  // a window's forward, run a second time inside backward

  // The caller's arrays, time-major. x or y of forward; dy, dx of backward.
  const void* x = nullptr;  // [T, B, I], or int64 [T, B]
  T* y = nullptr;           // [T, B, O] or [B, O]
  const T* dy = nullptr;
  T* dx = nullptr;                        // nullptr: not wanted
  const std::int64_t* lengths = nullptr;  // [B]
  const std::uint8_t* resets = nullptr;   // [T, B]

  const Geometry& geometry() const { return plan->geometry; }
  Mode mode() const { return plan->program.mode; }
  std::int64_t window_first_step() const { return window_first_chunk * plan->geometry.chunk_steps; }
  std::int64_t window_steps() const {  // of this window: the last may be shorter
    return std::min(plan->window_steps, plan->geometry.time_steps - window_first_step());
  }

  T* value(int id, const Chunk& chunk) {
    return at<T>(chunk.backward_pass ? plan->backward_values : plan->forward_values, id, chunk);
  }
  std::int64_t* indices(int id, const Chunk& chunk) {
    return at<std::int64_t>(chunk.backward_pass ? plan->backward_values : plan->forward_values, id, chunk);
  }
  T* gradient(int id, const Chunk& chunk) { return at<T>(plan->gradients, id, chunk); }
  std::int64_t length(std::int64_t sample) const {
    return lengths != nullptr ? lengths[sample] : geometry().time_steps;
  }
  // Whether the state is zero before step t of sample s of the chunk.
  bool is_reset(const Chunk& chunk, std::int64_t s, std::int64_t t) const {
    return resets != nullptr &&
           resets[(chunk.first_step + t) * geometry().batch + chunk.first_sample + s] != 0;
  }
  // What random numbers of sample s of the chunk are drawn by.
  std::uint64_t random_row(const Chunk& chunk, std::int64_t s) const {
    return static_cast<std::uint64_t>(first_sample + chunk.first_sample + s);
  }
  // False for the network's input when nobody asked for dx.
  bool gradient_wanted(int id) const { return id != graph->input || dx != nullptr; }

  const T* parameter(int id) const {
    return parameters + graph->parameters[static_cast<std::size_t>(id)].offset;
  }
  T* buffer(int id) const { return buffers + graph->buffers[static_cast<std::size_t>(id)].offset; }
  // Sums over the lane; every gradient is ADDED to. Matrices in T, vectors in float64.
  T* matrix_gradient(int id, int lane) {
    return pointer<T>(plan->lane_matrices) + lane * graph->parameter_elements +
           graph->parameters[static_cast<std::size_t>(id)].offset;
  }
  double* vector_gradient(int id, int lane) {
    return pointer<double>(plan->lane_vectors) + lane * graph->vector_elements +
           graph->parameters[static_cast<std::size_t>(id)].vector_offset;
  }

  // States: [samples of the chunk, F].
  T* carry(int state, const Chunk& chunk) { return state_rows(plan->carries, state, chunk.first_sample); }
  T* carry_gradient(int state, const Chunk& chunk) {
    return state_rows(plan->carry_gradients, state, chunk.first_sample);
  }
  T* boundary(int state, const Chunk& chunk) {
    return state_rows(plan->boundaries, state,
                      (chunk.index - window_first_chunk) * plan->geometry.batch + chunk.first_sample);
  }

  template <class Element>
  Element* node_memory(int node) {
    return pointer<Element>(plan->node_memory[static_cast<std::size_t>(node)]);
  }
  template <class Element>
  Element* pointer(std::size_t offset) const {
    return reinterpret_cast<Element*>(memory + offset);
  }

 private:
  template <class Element>
  Element* at(const std::vector<Place>& places, int id, const Chunk& chunk) {
    const Value& value = graph->values[static_cast<std::size_t>(id)];
    const Place& place = places[static_cast<std::size_t>(id)];
    if (place.kind == Place::Kind::scratch) {
      return pointer<Element>(plan->arenas + static_cast<std::size_t>(chunk.worker) * plan->arena_bytes +
                              place.offset);
    }
    if (place.kind == Place::Kind::ring) {
      const std::int64_t slot = chunk.lane * plan->ring_chunks + chunk.position % plan->ring_chunks;
      return pointer<Element>(place.offset + static_cast<std::size_t>(slot) * place.chunk_bytes);
    }
    const std::int64_t row =
        value.sequence ? chunk.first_sample * plan->window_steps + chunk.first_step - window_first_step()
                       : chunk.first_sample;
    return pointer<Element>(place.offset) + row * value.features;
  }
  T* state_rows(const std::vector<std::size_t>& offsets, int state, std::int64_t row) {
    return pointer<T>(offsets[static_cast<std::size_t>(state)]) +
           row * graph->states[static_cast<std::size_t>(state)].features;
  }
};

}  // namespace indrnn::cpu
