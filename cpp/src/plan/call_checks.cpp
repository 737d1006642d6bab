#include "plan/call_checks.hpp"

#include <limits>

#include "core/check.hpp"

namespace indrnn {
namespace {

// "0.hidden [5], 1.hidden [3]"
template <class Entries>
std::string entry_names(const Entries& entries) {
  std::string names;
  for (const auto& entry : entries) {
    names += (names.empty() ? "" : ", ") + entry.name + " [" + std::to_string(entry.features) + "]";
  }
  return names.empty() ? "none" : names;
}

std::string layer_name(const Node& node) {
  return "layer " + node.path + " (" + (node.spec.type.empty() ? node.type : node.spec.type) + ")";
}

}  // namespace

void check_input(const char* operation, const Graph& graph, DType dtype, const ConstTensorView& x,
                 bool one_step) {
  const bool indices = graph.takes_indices();
  check_dtype(operation, "x", x, indices ? DType::int64 : dtype);
  if (one_step) {
    check_rank(operation, "x", x, indices ? 1 : 2, indices ? "[B]" : "[B, I]");
    if (!indices) check_shape(operation, "x", x, {x.shape[0], graph.input_size}, "[B, I]");
  } else {
    check_rank(operation, "x", x, indices ? 2 : 3, indices ? "[T, B]" : "[T, B, I]");
    if (!indices) check_shape(operation, "x", x, {x.shape[0], x.shape[1], graph.input_size}, "[T, B, I]");
  }
  if (x.shape.elements() > 0) check_given(operation, "x", x);
}

void check_indices(const char* operation, const Graph& graph, const ConstTensorView& x,
                   const std::int64_t* lengths) {
  if (!graph.takes_indices()) return;
  const std::int64_t classes = graph.parameters[0].shape[0];
  const std::int64_t batch = x.shape[x.shape.rank() - 1];
  const std::int64_t time_steps = x.shape.rank() == 2 ? x.shape[0] : 1;
  for (std::int64_t t = 0; t < time_steps; ++t) {
    for (std::int64_t b = 0; b < batch; ++b) {
      const std::int64_t index = x.as<std::int64_t>()[t * batch + b];
      if (index >= 0 && index < classes) continue;
      if (lengths != nullptr && t >= lengths[b]) continue;
      fail(operation, "x", "hold indices in [0, " + std::to_string(classes) + ")",
           std::to_string(index) + " at step " + std::to_string(t) + " of sample " + std::to_string(b));
    }
  }
}

void check_lengths(const char* operation, const ConstTensorView& lengths, std::int64_t time_steps,
                   std::int64_t batch) {
  if (!lengths.given()) return;
  check_view(operation, "lengths", lengths, DType::int64, {batch}, "[B]");
  for (std::int64_t b = 0; b < batch; ++b) {
    const std::int64_t length = lengths.as<std::int64_t>()[b];
    if (length >= 0 && length <= time_steps) continue;
    fail(operation, "lengths", "lie between 0 and T = " + std::to_string(time_steps),
         std::to_string(length) + " at sample " + std::to_string(b));
  }
}

void check_state(const char* operation, const char* argument, const Graph& graph, DType dtype,
                 const StateReference& state, std::int64_t batch) {
  if (state.batch != batch) {
    fail(operation, argument, "be of batch " + std::to_string(batch),
         "one of batch " + std::to_string(state.batch));
  }
  check_dtype(operation, argument, state.flat, dtype);
  std::int64_t elements = 0;
  bool same = state.entries.size() == graph.states.size();
  for (std::size_t i = 0; i < graph.states.size(); ++i) {
    const StateSlot& slot = graph.states[i];
    same = same && state.entries[i].name == slot.name && state.entries[i].features == slot.features;
    elements += slot.features * batch;
  }
  if (!same) {
    fail(operation, argument, "have the entries " + entry_names(graph.states), entry_names(state.entries));
  }
  check_shape(operation, argument, state.flat, {elements});
}

void check_steps(const char* operation, const StateReference& state, std::int64_t time_steps) {
  if (*state.steps <= std::numeric_limits<std::int64_t>::max() - time_steps) return;
  fail(operation, "state", "have so many steps that " + std::to_string(time_steps) + " more can be counted",
       "one with steps = " + std::to_string(*state.steps));
}

void check_recompute(const Graph& graph, Mode mode) {
  if (!mode.recompute) return;
  for (const Node& node : graph.nodes) {
    const bool waits =
        node.barrier == Barrier::always || (node.barrier == Barrier::in_training && mode.training);
    if (!waits || !node.barrier_spans_time) continue;
    throw InvalidArgument("[forward] memory = \"recompute\" is not possible here: " + layer_name(node) +
                          " needs the whole sequence at once; use memory = \"store\"");
  }
}

void check_reads_forward(const char* operation, const Graph& graph, const char* what) {
  for (const Node& node : graph.nodes) {
    if (node.barrier != Barrier::always) continue;
    throw InvalidArgument("[" + std::string(operation) + "] " + what + " not possible: " + layer_name(node) +
                          " reads the sequence from its end");
  }
}

}  // namespace indrnn
