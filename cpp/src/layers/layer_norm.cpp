// y = (x - mean) r * weight + bias,  r = 1 / sqrt(variance + epsilon), over the features of each row.
//   g = dy * weight;  dx = r (g - mean(g) - x_hat mean(g x_hat));  dweight = sum dy x_hat;  dbias = sum dy
// (Ba, Kiros & Hinton 2016.)
#include <cmath>

#include "backend/cpu/kernels/kernels.hpp"
#include "core/check.hpp"
#include "layers/layer.hpp"

namespace indrnn {
namespace {

int lower(GraphBuilder& builder, const nn::LayerSpec& generic, int input, const std::string& path) {
  const auto spec = read_spec<nn::LayerNorm>(generic, path);
  if (!(spec.epsilon > 0.0 && std::isfinite(spec.epsilon))) {
    throw_field_error(path, generic.type, "epsilon must be above 0, got " + to_text(spec.epsilon));
  }
  const Value from = builder.value(input);
  Node node{.type = "LayerNorm", .path = path, .spec = generic};
  const int output = builder.add_value({.features = from.features, .sequence = from.sequence});
  node.inputs = {input};
  node.outputs = {output};
  node.parameters = {builder.add_parameter(path + ".weight", {from.features}, {Fill::ones}),
                     builder.add_parameter(path + ".bias", {from.features}, {})};
  node.backward_reads_input = true;
  node.forward_in_place = node.backward_in_place = true;
  node.cheap = true;
  builder.add_node(std::move(node));
  return output;
}

template <class T>
class LayerNorm : public cpu::Runner<T> {
 public:
  LayerNorm(const Graph& graph, const Node& node)
      : cpu::Runner<T>(graph, node), epsilon_(read_spec<nn::LayerNorm>(node.spec, node.path).epsilon) {}

  void forward(cpu::Run<T>& run, const cpu::Chunk& chunk) const override {
    kernels_.layer_norm(chunk.rows(), this->input_value().features, epsilon_,
                        run.value(this->node_.inputs[0], chunk), run.parameter(this->node_.parameters[0]),
                        run.parameter(this->node_.parameters[1]), run.value(this->node_.outputs[0], chunk));
  }

  void backward(cpu::Run<T>& run, const cpu::Chunk& chunk) const override {
    kernels_.layer_norm_gradient(
        chunk.rows(), this->input_value().features, epsilon_, run.gradient(this->node_.outputs[0], chunk),
        run.value(this->node_.inputs[0], chunk), run.parameter(this->node_.parameters[0]),
        run.gradient(this->node_.inputs[0], chunk),
        run.vector_gradient(this->node_.parameters[0], chunk.lane),
        run.vector_gradient(this->node_.parameters[1], chunk.lane));
  }

 private:
  double epsilon_;
  const cpu::Kernels<T>& kernels_ = cpu::kernels<T>();
};

}  // namespace

LayerEntry layer_norm_layer() { return layer<nn::LayerNorm>(lower, {cpu_node<LayerNorm>("LayerNorm")}); }

}  // namespace indrnn
