#include "plan/graph.hpp"

#include <limits>

#include "indrnn/error.hpp"
#include "layers/layer.hpp"

namespace indrnn {
namespace {

// Bounds what a short description can blow up to: every Bidirectional doubles the nodes inside it.
constexpr std::size_t most_nodes = 1 << 15;

// offset += elements; the sum must stay below any memory.
void advance(std::int64_t& offset, std::int64_t elements) {
  constexpr std::int64_t most_elements = std::numeric_limits<std::int64_t>::max() / 16;
  if (elements > most_elements - offset)
    throw OutOfMemory("[network] the parameters are larger than any memory");
  offset += elements;
}

}  // namespace

int GraphBuilder::add_value(const Value& value) {
  graph_.values.push_back(value);
  return static_cast<int>(graph_.values.size()) - 1;
}

int GraphBuilder::add_parameter(const std::string& name, Shape shape, const Initializer& initializer) {
  Parameter parameter{name, shape, initializer, graph_.parameter_elements, graph_.vector_elements};
  advance(graph_.parameter_elements, shape.elements());
  if (parameter.is_vector()) advance(graph_.vector_elements, shape.elements());
  graph_.parameters.push_back(parameter);
  return static_cast<int>(graph_.parameters.size()) - 1;
}

int GraphBuilder::add_buffer(const std::string& name, Shape shape, double initial) {
  graph_.buffers.push_back({name, shape, initial, graph_.buffer_elements});
  advance(graph_.buffer_elements, shape.elements());
  return static_cast<int>(graph_.buffers.size()) - 1;
}

int GraphBuilder::add_state(const std::string& name, std::int64_t features) {
  graph_.states.push_back({name, features});
  return static_cast<int>(graph_.states.size()) - 1;
}

int GraphBuilder::add_node(Node node) {
  if (graph_.nodes.size() >= most_nodes) {
    throw InvalidArgument("[network] layers must come to at most " + std::to_string(most_nodes) +
                          " operations, got more at layer " + node.path);
  }
  const int index = static_cast<int>(graph_.nodes.size());
  for (int input : node.inputs) graph_.values[static_cast<std::size_t>(input)].consumer = index;
  for (int output : node.outputs) graph_.values[static_cast<std::size_t>(output)].producer = index;
  node.index = index;
  graph_.nodes.push_back(std::move(node));
  return index;
}

int GraphBuilder::lower(const std::vector<nn::LayerSpec>& layers, int input, const std::string& path) {
  int current = input;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const std::string layer_path = (path.empty() ? "" : path + ".") + std::to_string(i);
    if (value(current).indices && layers[i].type != "Embedding") {
      throw InvalidArgument("[network] layer " + layer_path + " (" + layers[i].type +
                            ") must not follow class indices: only Embedding reads them");
    }
    current = layer_entry(layers[i].type, layer_path).lower(*this, layers[i], current, layer_path);
  }
  return current;
}

namespace {

// The bias of a Linear whose only reader is a Recurrence is added in the registers of the recurrence.
void fuse_biases(Graph& graph) {
  for (Node& node : graph.nodes) {
    if (node.type != "Recurrence" && node.type != "Zoneout") continue;
    const int producer = graph.values[static_cast<std::size_t>(node.inputs[0])].producer;
    Node& linear = graph.nodes[static_cast<std::size_t>(producer)];
    if (linear.type != "Linear" || linear.parameters.size() < 2) continue;
    node.fused_bias = linear.parameters[1];
    linear.parameters.pop_back();
  }
}

}  // namespace

Graph make_graph(const std::vector<nn::LayerSpec>& layers, std::int64_t input_size) {
  if (layers.empty()) throw InvalidArgument("[network] layers must hold at least one layer, got none");
  Graph graph;
  GraphBuilder builder(graph);
  const bool indices = layers.front().type == "Embedding";
  if (!indices && input_size < 1) {
    throw InvalidArgument("[network] input_size must be at least 1, got " + std::to_string(input_size));
  }
  graph.input_size = indices ? 1 : input_size;

  Node input{.type = "Input", .path = "input"};
  graph.input = builder.add_value({.features = graph.input_size, .sequence = true, .indices = indices});
  input.outputs = {graph.input};
  builder.add_node(std::move(input));

  graph.output = builder.lower(layers, graph.input, "");

  Node output{.type = "Output", .path = "output"};
  output.inputs = {graph.output};
  builder.add_node(std::move(output));
  fuse_biases(graph);
  return graph;
}

}  // namespace indrnn
