// How the CPU runs one node: forward and backward over a chunk. A runner holds what the spec says and nothing else;
// all that changes between calls is in the Run it is given, so one runner serves any number of plans.
#pragma once

#include <cstddef>

#include "backend/cpu/run.hpp"
#include "plan/graph.hpp"

namespace indrnn::cpu {

template <class T>
class Runner {
 public:
  Runner(const Graph& graph, const Node& node) : graph_(graph), node_(node) {}
  virtual ~Runner() = default;

  // Reads the node's inputs, writes its outputs.
  virtual void forward(Run<T>& run, const Chunk& chunk) const = 0;
  // Reads the gradient of its outputs, WRITES the gradient of its inputs, ADDS to the lane's parameter gradients.
  // Chunks come in reverse order of time.
  virtual void backward(Run<T>& run, const Chunk& chunk) const = 0;

  // On one thread: before the first chunk of the call, and when all chunks have passed the node's segment.
  virtual void start_forward(Run<T>&) const {}
  virtual void finish_forward(Run<T>&) const {}
  virtual void finish_backward(Run<T>&) const {}

  // Memory in the plan for the runner itself: run.node_memory(index).
  virtual std::size_t memory_bytes(const Geometry&, std::int64_t /*window_steps*/, Mode) const { return 0; }

  // Whether the node's output belongs to whole sequences, [B, F], or to the caller: it is made once, not again with
  // each window.
  bool leaves_time() const { return node_.outputs.empty() || !output_value().sequence; }

 protected:
  const Value& input_value() const { return graph_.values[static_cast<std::size_t>(node_.inputs[0])]; }
  const Value& output_value() const { return graph_.values[static_cast<std::size_t>(node_.outputs[0])]; }

  const Graph& graph_;
  const Node& node_;
};

}  // namespace indrnn::cpu
