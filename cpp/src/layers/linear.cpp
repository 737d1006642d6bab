// y = W x + b;  dW = dy^T x, db = sum dy, dx = dy W.   Weight [O, I] row-major, rows of a chunk together in one product.
#include "backend/cpu/kernels/kernels.hpp"
#include "backend/cpu/matmul.hpp"
#include "layers/initializers.hpp"
#include "layers/layer.hpp"
#include "plan/tuning.hpp"

namespace indrnn {

// Also used by IndRNN, whose first half is a Linear.
int lower_linear(GraphBuilder& builder, const nn::Linear& spec, int input, const std::string& path,
                 const std::string& type) {
  check_size(spec.size, "size", path, type);
  const Value from = builder.value(input);
  Node node{.type = "Linear", .path = path, .spec = spec};
  node.parameters.push_back(
      builder.add_parameter(path + ".weight", {spec.size, from.features},
                            weight_initializer(spec.init, spec.init_scale, path, type)));
  if (spec.bias) node.parameters.push_back(builder.add_parameter(path + ".bias", {spec.size}, {}));
  const int output = builder.add_value({.features = spec.size, .sequence = from.sequence});
  node.inputs = {input};
  node.outputs = {output};
  node.backward_reads_input = true;
  builder.add_node(std::move(node));
  return output;
}

namespace {

template <class T>
class Linear : public cpu::Runner<T> {
 public:
  using cpu::Runner<T>::Runner;

  void forward(cpu::Run<T>& run, const cpu::Chunk& chunk) const override {
    const Sizes n = sizes(chunk);
    const T* x = run.value(this->node_.inputs[0], chunk);  // [rows, I]
    T* y = run.value(this->node_.outputs[0], chunk);       // [rows, O]
    const T* weight = run.parameter(this->node_.parameters[0]);
    if (n.inputs <= tuning::outer_product_inputs) {
      kernels_.outer_forward(n.rows, n.inputs, n.outputs, x, weight, y);
    } else {
      cpu::multiply_transposed(n.rows, n.outputs, n.inputs, x, weight, cpu::Accumulate::no, y);
    }
    if (has_bias()) kernels_.add_bias(n.rows, n.outputs, run.parameter(this->node_.parameters[1]), y);
  }

  void backward(cpu::Run<T>& run, const cpu::Chunk& chunk) const override {
    const Sizes n = sizes(chunk);
    const int input = this->node_.inputs[0];
    const T* dy = run.gradient(this->node_.outputs[0], chunk);
    const T* x = run.value(input, chunk);
    const T* weight = run.parameter(this->node_.parameters[0]);
    T* weight_gradient = run.matrix_gradient(this->node_.parameters[0], chunk.lane);
    if (has_bias()) {
      kernels_.column_sums(n.rows, n.outputs, dy, run.vector_gradient(this->node_.parameters[1], chunk.lane));
    }
    if (n.inputs <= tuning::outer_product_inputs) {
      kernels_.outer_weight(n.rows, n.inputs, n.outputs, dy, x, weight_gradient);
      if (run.gradient_wanted(input)) {
        kernels_.outer_input(n.rows, n.inputs, n.outputs, dy, weight, run.gradient(input, chunk));
      }
      return;
    }
    cpu::multiply_outer(n.outputs, n.inputs, n.rows, dy, x, cpu::Accumulate::yes, weight_gradient);
    if (run.gradient_wanted(input)) {
      cpu::multiply(n.rows, n.inputs, n.outputs, dy, weight, cpu::Accumulate::no, run.gradient(input, chunk));
    }
  }

 private:
  struct Sizes {
    std::int64_t rows, inputs, outputs;
  };
  Sizes sizes(const cpu::Chunk& chunk) const {
    return {chunk.rows(), this->input_value().features, this->output_value().features};
  }
  bool has_bias() const { return this->node_.parameters.size() > 1; }  // unless the recurrence behind adds it

  const cpu::Kernels<T>& kernels_ = cpu::kernels<T>();
};

int lower(GraphBuilder& builder, const nn::LayerSpec& spec, int input, const std::string& path) {
  return lower_linear(builder, read_spec<nn::Linear>(spec, path), input, path, spec.type);
}

}  // namespace

LayerEntry linear_layer() { return layer<nn::Linear>(lower, {cpu_node<Linear>("Linear")}); }

}  // namespace indrnn
