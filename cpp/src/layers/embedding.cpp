// y = table[index];  dtable[index] += dy.
#include <algorithm>

#include "layers/initializers.hpp"
#include "layers/layer.hpp"

namespace indrnn {
namespace {

int lower(GraphBuilder& builder, const nn::LayerSpec& generic, int input, const std::string& path) {
  const auto spec = read_spec<nn::Embedding>(generic, path);
  check_size(spec.num, "num", path, generic.type);
  check_size(spec.size, "size", path, generic.type);
  if (!builder.value(input).indices) throw_field_error(path, generic.type, "must be the first layer");
  const int output = builder.add_value({.features = spec.size, .sequence = true});
  Node node{.type = "Embedding", .path = path, .spec = generic};
  node.inputs = {input};
  node.outputs = {output};
  node.parameters = {
      builder.add_parameter(path + ".weight", {spec.num, spec.size},
                            weight_initializer(spec.init, spec.init_scale, path, generic.type))};
  node.backward_reads_input = true;
  builder.add_node(std::move(node));
  return output;
}

template <class T>
class Embedding : public cpu::Runner<T> {
 public:
  using cpu::Runner<T>::Runner;

  void forward(cpu::Run<T>& run, const cpu::Chunk& chunk) const override {
    const std::int64_t size = this->output_value().features;
    const std::int64_t* indices = run.indices(this->node_.inputs[0], chunk);  // [rows]
    const T* table = run.parameter(this->node_.parameters[0]);
    T* y = run.value(this->node_.outputs[0], chunk);
    for (std::int64_t row = 0; row < chunk.rows(); ++row)
      std::copy_n(table + indices[row] * size, size, y + row * size);
  }

  void backward(cpu::Run<T>& run, const cpu::Chunk& chunk) const override {
    const std::int64_t size = this->output_value().features;
    const std::int64_t* indices = run.indices(this->node_.inputs[0], chunk);
    const T* dy = run.gradient(this->node_.outputs[0], chunk);
    T* gradient = run.matrix_gradient(this->node_.parameters[0], chunk.lane);
    for (std::int64_t s = 0; s < chunk.samples; ++s) {
      for (std::int64_t t = 0; t < chunk.valid_steps(s); ++t) {
        const std::int64_t row = s * chunk.steps + t;
        T* to = gradient + indices[row] * size;
        const T* from = dy + row * size;
        for (std::int64_t f = 0; f < size; ++f) to[f] += from[f];
      }
    }
  }
};

}  // namespace

LayerEntry embedding_layer() { return {"Embedding", lower, {cpu_node<Embedding>("Embedding")}}; }

}  // namespace indrnn
