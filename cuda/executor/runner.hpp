// How the device runs one node: forward and backward over a window of time, as launches into the stream. A runner holds
// what the spec says and nothing else; all that changes between calls is in the Run it is given.
#pragma once

#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "executor/run.hpp"
#include "plan/graph.hpp"

namespace indrnn::cuda {

template <class S>
class Runner {
 public:
  Runner(const Graph& graph, const Node& node) : graph_(graph), node_(node) {}
  virtual ~Runner() = default;

  // Reads the node's inputs, WRITES its outputs.
  virtual void forward(Run<S>& run) const = 0;
  // Reads the gradients of its outputs, WRITES those of its inputs, ADDS to those of its parameters. Windows come in
  // reverse order of time.
  virtual void backward(Run<S>& run) const = 0;
  virtual NodeBytes bytes(const Sizes&, Mode) const { return {}; }

  // Whether the node's output belongs to whole sequences, or to the caller: it is made once, not again with each window.
  bool leaves_time() const { return node_.outputs.empty() || !output_value().sequence; }

 protected:
  const Value& input_value() const { return graph_.values[static_cast<std::size_t>(node_.inputs[0])]; }
  const Value& output_value() const { return graph_.values[static_cast<std::size_t>(node_.outputs[0])]; }
  // Steps of a window of the node's input, at most.
  std::int64_t steps(const Sizes& sizes) const { return input_value().sequence ? sizes.window_steps : 1; }

  const Graph& graph_;
  const Node& node_;
};

// How the backend runs one type of node, by how values are stored.
struct CudaNode {
  const char* type;
  std::unique_ptr<Runner<float>> (*make_float)(const Graph&, const Node&);
  std::unique_ptr<Runner<double>> (*make_double)(const Graph&, const Node&);
  std::unique_ptr<Runner<__nv_bfloat16>> (*make_bfloat16)(const Graph&, const Node&);

  template <class S>
  std::unique_ptr<Runner<S>> make(const Graph& graph, const Node& node) const {
    if constexpr (std::is_same_v<S, float>) return make_float(graph, node);
    if constexpr (std::is_same_v<S, double>) return make_double(graph, node);
    if constexpr (std::is_same_v<S, __nv_bfloat16>) return make_bfloat16(graph, node);
  }
};

template <template <class> class RunnerType>
CudaNode cuda_node(const char* type) {
  return {type,
          [](const Graph& graph, const Node& node) -> std::unique_ptr<Runner<float>> {
            return std::make_unique<RunnerType<float>>(graph, node);
          },
          [](const Graph& graph, const Node& node) -> std::unique_ptr<Runner<double>> {
            return std::make_unique<RunnerType<double>>(graph, node);
          },
          [](const Graph& graph, const Node& node) -> std::unique_ptr<Runner<__nv_bfloat16>> {
            return std::make_unique<RunnerType<__nv_bfloat16>>(graph, node);
          }};
}

const CudaNode& find_cuda_node(const std::string& type);

}  // namespace indrnn::cuda
