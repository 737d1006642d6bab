// Checks of what a network is called with; each throws naming the operation and the argument. They allocate nothing
// unless they fail.
#pragma once

#include <cstdint>
#include <span>

#include "indrnn/network.hpp"
#include "plan/graph.hpp"
#include "plan/program.hpp"

namespace indrnn {

// x [T, B, I] or int64 [T, B]; for a single step [B, I] or int64 [B].
void check_input(const char* operation, const Graph& graph, DType dtype, const ConstTensorView& x,
                 bool one_step);

// Indices in the range of the Embedding. Only what lies before each length is looked at: padding may hold anything.
void check_indices(const char* operation, const Graph& graph, const ConstTensorView& x,
                   const std::int64_t* lengths);

// int64 [B], each between 0 and T; may be empty.
void check_lengths(const char* operation, const ConstTensorView& lengths, std::int64_t time_steps,
                   std::int64_t batch);

// A State or a DeviceState, as a call reads and advances it.
struct StateReference {
  template <class AnyState>
  explicit StateReference(AnyState& state, TensorView flat_)
      : entries(state.entries), batch(state.batch), steps(&state.steps), flat(flat_) {}
  explicit StateReference(State& state) : StateReference(state, state.flat.view()) {}
  explicit StateReference(DeviceState& state) : StateReference(state, state.flat) {}

  std::span<const State::Entry> entries;
  std::int64_t batch;
  std::int64_t* steps;
  TensorView flat;
};

// A state of this network and batch.
void check_state(const char* operation, const char* argument, const Graph& graph, DType dtype,
                 const StateReference& state, std::int64_t batch);

// The count of steps has room for these.
void check_steps(const char* operation, const StateReference& state, std::int64_t time_steps);

// Running a window of time again needs nothing from outside the window.
void check_recompute(const Graph& graph, Mode mode);

// A layer that reads sequences from their end rules out single steps, and resets inside a sequence.
void check_reads_forward(const char* operation, const Graph& graph, const char* what);

}  // namespace indrnn
