// What a Network holds, and its calls: checks of what comes in, and the call of the device's executor.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backend/backend.hpp"
#include "core/check.hpp"
#include "indrnn/error.hpp"
#include "indrnn/network.hpp"
#include "plan/call_checks.hpp"

namespace indrnn {

struct Network::Implementation {
  std::vector<nn::LayerSpec> layers;
  NetworkOptions options;
  std::string storage = "full";
  Graph graph;  // the executor refers to it
  std::unique_ptr<Executor> executor;
  std::vector<NamedView> named_parameters, named_gradients, named_buffers;
  std::uint64_t seed = 0;
  std::uint64_t forwards = 0;  // in training
  std::int64_t first_sample = 0;
  std::shared_ptr<Ranks> ranks;  // nullptr: none

  // Of the last forward that kept what backward needs; time_steps < 0: none, or used up.
  std::int64_t kept_time_steps = -1;
  std::int64_t kept_batch = 0;

  const Value& output() const { return graph.values[static_cast<std::size_t>(graph.output)]; }

  Shape sequence_shape(std::int64_t time_steps, std::int64_t batch, const Value& value) const {
    return value.sequence ? Shape{time_steps, batch, value.features} : Shape{batch, value.features};
  }

  // Values that lie in a device's memory are not looked at: the device takes care of them.
  bool can_read(const void* pointer) const {
    const auto context = executor->context();
    return context == nullptr || !context->is_device_memory(pointer);
  }

  Mode mode_of(bool training, bool keep) const {
    keep = keep || training;
    return {.training = training, .keep = keep, .recompute = keep && options.memory == "recompute"};
  }

  // The samples of all ranks, where each must know them: norms inside the windows of recompute wait for each other.
  std::int64_t window_batch(Mode mode, std::int64_t batch) const {
    const bool waits = mode.training && mode.recompute && ranks != nullptr &&
                       std::ranges::any_of(graph.nodes, [](const Node& node) {
                         return node.barrier == Barrier::in_training && !node.barrier_spans_time;
                       });
    if (!waits) return batch;
    double samples = static_cast<double>(batch);
    ranks->sum(&samples, 1);
    return static_cast<std::int64_t>(samples);
  }

  // Without a state: zero, not wanted; on devices that can do without.
  void forward(ConstTensorView x, TensorView y, std::optional<StateReference> state,
               const ForwardOptions& call) {
    check_input("forward", graph, options.dtype, x, false);
    const std::int64_t time_steps = x.shape[0], batch = x.shape[1];
    check_view("forward", "y", y, options.dtype, sequence_shape(time_steps, batch, output()));
    if (state) {
      check_state("forward", "state", graph, options.dtype, *state, batch);
      check_steps("forward", *state, time_steps);
    }
    if (call.lengths.given()) check_view("forward", "lengths", call.lengths, DType::int64, {batch}, "[B]");
    const bool lengths_readable = can_read(call.lengths.data);
    if (lengths_readable) check_lengths("forward", call.lengths, time_steps, batch);
    if (lengths_readable && can_read(x.data)) {
      check_indices("forward", graph, x, call.lengths.as<std::int64_t>());
    }
    if (call.resets.given()) {
      check_view("forward", "resets", call.resets, DType::uint8, {time_steps, batch}, "[T, B]");
      check_reads_forward("forward", graph, "resets are");
    }
    const Mode mode = mode_of(call.training, call.keep);
    check_recompute(graph, mode);

    if (mode.keep) kept_time_steps = -1;  // until this one has succeeded
    executor->forward({.mode = mode,
                       .time_steps = time_steps,
                       .batch = batch,
                       .x = x.data,
                       .y = y.data,
                       .state = state ? state->flat.data : nullptr,
                       .lengths = call.lengths.as<std::int64_t>(),
                       .resets = call.resets.as<std::uint8_t>(),
                       .seed = seed,
                       .forwards = forwards,
                       .start_step = state ? *state->steps : 0,
                       .first_sample = first_sample,
                       .ranks = mode.training ? ranks : nullptr,
                       .window_batch = window_batch(mode, batch),
                       .network_seed = &seed,
                       .network_forwards = &forwards,
                       .state_steps = state ? state->steps : nullptr});
    if (mode.keep) {
      kept_time_steps = time_steps;
      kept_batch = batch;
    }
    if (mode.training) ++forwards;
    if (state) *state->steps += time_steps;
  }

  // Without a dstate: zero, not wanted.
  void backward(ConstTensorView dy, TensorView dx, std::optional<StateReference> dstate) {
    if (kept_time_steps < 0) {
      throw InvalidArgument(
          "[backward] needs a forward with training (or keep) before it, and each forward serves one "
          "backward");
    }
    const std::int64_t time_steps = kept_time_steps, batch = kept_batch;
    check_view("backward", "dy", dy, options.dtype, sequence_shape(time_steps, batch, output()));
    if (dx.given()) {
      if (graph.takes_indices()) fail("backward", "dx", "be empty, the network reads indices", "a buffer");
      check_view("backward", "dx", dx, options.dtype, {time_steps, batch, graph.input_size}, "[T, B, I]");
    }
    if (dstate) check_state("backward", "dstate", graph, options.dtype, *dstate, batch);
    kept_time_steps = -1;
    executor->backward({.dy = dy.data, .dx = dx.data, .dstate = dstate ? dstate->flat.data : nullptr});
  }

  void step(ConstTensorView x, TensorView y, const StateReference& state) {
    check_input("step", graph, options.dtype, x, true);
    const std::int64_t batch = x.shape[0];
    check_view("step", "y", y, options.dtype, {batch, output().features}, "[B, O]");
    check_state("step", "state", graph, options.dtype, state, batch);
    check_steps("step", state, 1);
    if (can_read(x.data)) check_indices("step", graph, x, nullptr);
    check_reads_forward("step", graph, "is");
    executor->forward({.mode = {},
                       .time_steps = 1,
                       .batch = batch,
                       .x = x.data,
                       .y = y.data,
                       .state = state.flat.data,
                       .seed = seed,
                       .forwards = forwards,
                       .start_step = *state.steps,
                       .window_batch = batch,
                       .state_steps = state.steps});
    ++*state.steps;
  }
};

}  // namespace indrnn
