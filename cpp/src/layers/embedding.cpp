// y = factor[index] table[index];  dtable[index] += factor[index] dy, where factor is 1 unless rows are dropped.
#include <algorithm>

#include "core/check.hpp"
#include "core/random_stream.hpp"
#include "layers/initializers.hpp"
#include "layers/layer.hpp"

namespace indrnn {
namespace {

int lower(GraphBuilder& builder, const nn::LayerSpec& generic, int input, const std::string& path) {
  const auto spec = read_spec<nn::Embedding>(generic, path);
  check_size(spec.num, "num", path, generic.type);
  check_size(spec.size, "size", path, generic.type);
  if (!builder.value(input).indices) throw_field_error(path, generic.type, "must be the first layer");
  if (!(spec.row_dropout >= 0.0 && spec.row_dropout < 1.0)) {
    throw_field_error(path, generic.type,
                      "row_dropout must be at least 0 and below 1, got " + to_text(spec.row_dropout));
  }
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
  Embedding(const Graph& graph, const Node& node)
      : cpu::Runner<T>(graph, node), p_(read_spec<nn::Embedding>(node.spec, node.path).row_dropout) {}

  std::size_t memory_bytes(const Geometry&, std::int64_t, Mode mode) const override {
    return drops(mode) ? static_cast<std::size_t>(rows_of_table()) * sizeof(T) : 0;
  }

  // The factor of each row of the table: 0 with probability p, else 1 / (1 - p).
  void start_forward(cpu::Run<T>& run) const override {
    if (!drops(run.mode())) return;
    T* factors = run.template node_memory<T>(this->node_.index);
    const T kept = T(1) / (T(1) - static_cast<T>(p_));
    const RandomStream random(run.seed, Purpose::row_dropout, static_cast<std::uint32_t>(this->node_.index),
                              run.forwards);
    random.uniform_floats(0, rows_of_table(), [&](std::int64_t row, float uniform) {
      factors[row] = uniform < static_cast<float>(p_) ? T(0) : kept;
    });
  }

  void forward(cpu::Run<T>& run, const cpu::Chunk& chunk) const override {
    const std::int64_t size = this->output_value().features;
    const std::int64_t* indices = run.indices(this->node_.inputs[0], chunk);  // [rows]
    const T* table = run.parameter(this->node_.parameters[0]);
    T* y = run.value(this->node_.outputs[0], chunk);
    const T* factors = drops(run.mode()) ? run.template node_memory<T>(this->node_.index) : nullptr;
    for (std::int64_t row = 0; row < chunk.rows(); ++row) {
      const T* from = table + indices[row] * size;
      const T factor = factors != nullptr ? factors[indices[row]] : T(1);
      for (std::int64_t f = 0; f < size; ++f) y[row * size + f] = factor * from[f];
    }
  }

  void backward(cpu::Run<T>& run, const cpu::Chunk& chunk) const override {
    const std::int64_t size = this->output_value().features;
    const std::int64_t* indices = run.indices(this->node_.inputs[0], chunk);
    const T* dy = run.gradient(this->node_.outputs[0], chunk);
    const T* factors = drops(run.mode()) ? run.template node_memory<T>(this->node_.index) : nullptr;
    T* gradient = run.matrix_gradient(this->node_.parameters[0], chunk.lane);
    for (std::int64_t s = 0; s < chunk.samples; ++s) {
      for (std::int64_t t = 0; t < chunk.valid_steps(s); ++t) {
        const std::int64_t row = s * chunk.steps + t;
        T* to = gradient + indices[row] * size;
        const T* from = dy + row * size;
        const T factor = factors != nullptr ? factors[indices[row]] : T(1);
        for (std::int64_t f = 0; f < size; ++f) to[f] += factor * from[f];
      }
    }
  }

 private:
  bool drops(Mode mode) const { return mode.training && p_ > 0.0; }
  std::int64_t rows_of_table() const {
    return this->graph_.parameters[static_cast<std::size_t>(this->node_.parameters[0])].shape[0];
  }

  double p_;
};

}  // namespace

LayerEntry embedding_layer() { return layer<nn::Embedding>(lower, {cpu_node<Embedding>("Embedding")}); }

}  // namespace indrnn
