// y = E x + b with the weights E [num, size] of the Embedding: a Linear node on a parameter that is already there.
#include "layers/layer.hpp"

namespace indrnn {
namespace {

int lower(GraphBuilder& builder, const nn::LayerSpec& generic, int input, const std::string& path) {
  const auto spec = read_spec<nn::TiedLinear>(generic, path);
  const Value from = builder.value(input);
  const Node& first = builder.graph().nodes.size() > 1 ? builder.graph().nodes[1] : builder.graph().nodes[0];
  if (first.type != "Embedding")
    throw_field_error(path, generic.type, "needs a network that starts with an Embedding");
  const int table = first.parameters[0];
  const Shape shape = builder.graph().parameters[static_cast<std::size_t>(table)].shape;  // [num, size]
  if (from.features != shape[1]) {
    throw_field_error(path, generic.type,
                      "must read as many features as the Embedding has, " + std::to_string(shape[1]) +
                          ", got " + std::to_string(from.features));
  }
  Node node{.type = "Linear", .path = path, .spec = generic};
  node.parameters = {table};
  if (spec.bias) node.parameters.push_back(builder.add_parameter(path + ".bias", {shape[0]}, {}));
  const int output = builder.add_value({.features = shape[0], .sequence = from.sequence});
  node.inputs = {input};
  node.outputs = {output};
  node.backward_reads_input = true;
  builder.add_node(std::move(node));
  return output;
}

}  // namespace

LayerEntry tied_linear_layer() { return layer<nn::TiedLinear>(lower); }

}  // namespace indrnn
