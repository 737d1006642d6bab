// [T, B, F] -> [B, F]: y = sum of the real steps / length;  dx_t = dy / length.
#include <algorithm>

#include "layers/layer.hpp"

namespace indrnn {
namespace {

int lower(GraphBuilder& builder, const nn::LayerSpec& generic, int input, const std::string& path) {
  read_spec<nn::MeanOverTime>(generic, path);
  const Value from = read_sequence(builder, input, path, generic.type);
  Node node{.type = "MeanOverTime", .path = path, .spec = generic};
  const int output = builder.add_value({.features = from.features, .sequence = false});
  node.inputs = {input};
  node.outputs = {output};
  builder.add_node(std::move(node));
  return output;
}

template <class T>
class MeanOverTime : public cpu::Runner<T> {
 public:
  using cpu::Runner<T>::Runner;

  // The partial sums of the chunks are taken in float64.
  void forward(cpu::Run<T>& run, const cpu::Chunk& chunk) const override {
    const std::int64_t features = this->input_value().features;
    const T* x = run.value(this->node_.inputs[0], chunk);  // [samples, steps, F]
    T* y = run.value(this->node_.outputs[0], chunk);       // [samples, F]
    if (chunk.first()) std::fill_n(y, chunk.samples * features, T(0));
    for (std::int64_t s = 0; s < chunk.samples; ++s) {
      const double length = static_cast<double>(run.length(chunk.first_sample + s));
      for (std::int64_t f = 0; f < features; ++f) {
        double sum = 0.0;
        for (std::int64_t t = 0; t < chunk.valid_steps(s); ++t) {
          sum += static_cast<double>(x[(s * chunk.steps + t) * features + f]);
        }
        if (sum != 0.0) y[s * features + f] += static_cast<T>(sum / length);
      }
    }
  }

  void backward(cpu::Run<T>& run, const cpu::Chunk& chunk) const override {
    const std::int64_t features = this->input_value().features;
    const T* dy = run.gradient(this->node_.outputs[0], chunk);
    T* dx = run.gradient(this->node_.inputs[0], chunk);
    for (std::int64_t s = 0; s < chunk.samples; ++s) {
      const T length = static_cast<T>(run.length(chunk.first_sample + s));
      T* row = dx + s * chunk.steps * features;
      for (std::int64_t t = 0; t < chunk.valid_steps(s); ++t, row += features) {
        for (std::int64_t f = 0; f < features; ++f) row[f] = dy[s * features + f] / length;
      }
      std::fill(row, dx + (s + 1) * chunk.steps * features, T(0));
    }
  }
};

}  // namespace

LayerEntry mean_over_time_layer() {
  return layer<nn::MeanOverTime>(lower, {cpu_node<MeanOverTime>("MeanOverTime")});
}

}  // namespace indrnn
