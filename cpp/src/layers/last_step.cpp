// [T, B, F] -> [B, F]: the last real step of each sequence; a sequence of length 0 gives zeros.
#include <algorithm>

#include "layers/layer.hpp"

namespace indrnn {
namespace {

int lower(GraphBuilder& builder, const nn::LayerSpec& spec, int input, const std::string& path) {
  read_spec<nn::LastStep>(spec, path);
  const Value from = read_sequence(builder, input, path, spec.type);
  const int output = builder.add_value({.features = from.features, .sequence = false});
  Node node{.type = "LastStep", .path = path, .spec = spec};
  node.inputs = {input};
  node.outputs = {output};
  builder.add_node(std::move(node));
  return output;
}

template <class T>
class LastStep : public cpu::Runner<T> {
 public:
  using cpu::Runner<T>::Runner;

  void forward(cpu::Run<T>& run, const cpu::Chunk& chunk) const override {
    const std::int64_t features = this->input_value().features;
    const T* x = run.value(this->node_.inputs[0], chunk);  // [samples, steps, F]
    T* y = run.value(this->node_.outputs[0], chunk);       // [samples, F]
    if (chunk.first()) std::fill_n(y, chunk.samples * features, T(0));
    for (std::int64_t s = 0; s < chunk.samples; ++s) {
      // A later chunk of the same sequence writes over an earlier one.
      const std::int64_t valid = chunk.valid_steps(s);
      if (valid > 0) std::copy_n(x + (s * chunk.steps + valid - 1) * features, features, y + s * features);
    }
  }

  void backward(cpu::Run<T>& run, const cpu::Chunk& chunk) const override {
    const std::int64_t features = this->input_value().features;
    const T* dy = run.gradient(this->node_.outputs[0], chunk);
    T* dx = run.gradient(this->node_.inputs[0], chunk);
    std::fill_n(dx, chunk.rows() * features, T(0));
    for (std::int64_t s = 0; s < chunk.samples; ++s) {
      const std::int64_t length = run.length(chunk.first_sample + s);
      const std::int64_t step = length - 1 - chunk.first_step;
      if (step < 0 || step >= chunk.steps) continue;
      std::copy_n(dy + s * features, features, dx + (s * chunk.steps + step) * features);
    }
  }
};

}  // namespace

LayerEntry last_step_layer() { return layer<nn::LastStep>(lower, {cpu_node<LastStep>("LastStep")}); }

}  // namespace indrnn
