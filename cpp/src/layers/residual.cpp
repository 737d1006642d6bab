// y = x + layers(x);  backward hands dy to both.
#include <algorithm>

#include "layers/fork.hpp"
#include "layers/layer.hpp"

namespace indrnn {
namespace {

int lower(GraphBuilder& builder, const nn::LayerSpec& generic, int input, const std::string& path) {
  const auto spec = read_spec<nn::Residual>(generic, path);
  if (spec.layers.empty())
    throw_field_error(path, generic.type, "layers must hold at least one layer, got none");
  const auto [skip, start] = add_fork(builder, input, path);
  const int branch = builder.lower(spec.layers, start, path);
  const Value x = builder.value(skip), y = builder.value(branch);
  if (x.features != y.features || x.sequence != y.sequence) {
    throw_field_error(path, generic.type,
                      "layers must give what they are given, " + std::to_string(x.features) +
                          " features of " + (x.sequence ? "each step" : "one step") + ", got " +
                          std::to_string(y.features) + (y.sequence ? " of each step" : " of one step"));
  }
  Node node{.type = "Add", .path = path};
  const int output = builder.add_value({.features = x.features, .sequence = x.sequence});
  node.inputs = {branch, skip};
  node.outputs = {output};
  node.forward_in_place = true;
  node.transparent_backward = true;
  builder.add_node(std::move(node));
  return output;
}

template <class T>
class Add : public cpu::Runner<T> {
 public:
  using cpu::Runner<T>::Runner;

  void forward(cpu::Run<T>& run, const cpu::Chunk& chunk) const override {
    const T* branch = run.value(this->node_.inputs[0], chunk);
    const T* skip = run.value(this->node_.inputs[1], chunk);
    T* y = run.value(this->node_.outputs[0], chunk);
    const std::int64_t count = chunk.rows() * this->input_value().features;
    for (std::int64_t i = 0; i < count; ++i) y[i] = branch[i] + skip[i];
  }

  // The branch has dy itself, and may write over it.
  void backward(cpu::Run<T>& run, const cpu::Chunk& chunk) const override {
    const T* dy = run.gradient(this->node_.outputs[0], chunk);
    std::copy_n(dy, chunk.rows() * this->input_value().features, run.gradient(this->node_.inputs[1], chunk));
  }
};

}  // namespace

LayerEntry residual_layer() { return layer<nn::Residual>(lower, {cpu_node<Add>("Add")}); }

}  // namespace indrnn
