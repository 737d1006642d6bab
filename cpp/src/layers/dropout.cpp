// y = x * mask, mask [B, F] shared by all time steps: 0 with probability p, else 1 / (1 - p). Outside training y = x.
// The mask is drawn by counter from (seed, training forwards, node, sample of the global batch, feature): the same on any device and
// however the batch is cut.
#include <algorithm>

#include "backend/cpu/kernels/kernels.hpp"
#include "core/check.hpp"
#include "core/random_stream.hpp"
#include "layers/layer.hpp"

namespace indrnn {
namespace {

int lower(GraphBuilder& builder, const nn::LayerSpec& generic, int input, const std::string& path) {
  const auto spec = read_spec<nn::Dropout>(generic, path);
  if (!(spec.p >= 0.0 && spec.p < 1.0)) {
    throw_field_error(path, generic.type, "p must be at least 0 and below 1, got " + to_text(spec.p));
  }
  const Value from = builder.value(input);
  const int output = builder.add_value({.features = from.features, .sequence = from.sequence});
  Node node{.type = "Dropout", .path = path, .spec = generic};
  node.inputs = {input};
  node.outputs = {output};
  node.forward_in_place = node.backward_in_place = true;
  node.cheap = true;
  builder.add_node(std::move(node));
  return output;
}

template <class T>
class Dropout : public cpu::Runner<T> {
 public:
  Dropout(const Graph& graph, const Node& node)
      : cpu::Runner<T>(graph, node), p_(read_spec<nn::Dropout>(node.spec, node.path).p) {}

  std::size_t memory_bytes(const Geometry& geometry, std::int64_t, Mode mode) const override {
    if (!mode.training) return 0;
    return static_cast<std::size_t>(geometry.batch * features()) * sizeof(T);
  }

  void forward(cpu::Run<T>& run, const cpu::Chunk& chunk) const override {
    const T* x = run.value(this->node_.inputs[0], chunk);
    T* y = run.value(this->node_.outputs[0], chunk);
    if (active(run) && chunk.first() && !chunk.backward_pass) draw(run, chunk);
    apply(run, chunk, x, y);
  }

  void backward(cpu::Run<T>& run, const cpu::Chunk& chunk) const override {
    const T* dy = run.gradient(this->node_.outputs[0], chunk);
    apply(run, chunk, dy, run.gradient(this->node_.inputs[0], chunk));
  }

 private:
  bool active(const cpu::Run<T>& run) const { return run.mode().training && p_ > 0.0; }
  std::int64_t features() const { return this->input_value().features; }
  T* mask(cpu::Run<T>& run, const cpu::Chunk& chunk) const {
    return run.template node_memory<T>(this->node_.index) + chunk.first_sample * features();
  }

  void apply(cpu::Run<T>& run, const cpu::Chunk& chunk, const T* from, T* to) const {
    const std::int64_t features = this->features();
    if (active(run)) {
      kernels_.multiply_mask(chunk.samples, chunk.steps, features, from, mask(run, chunk), to);
    } else if (from != to) {
      std::copy_n(from, chunk.rows() * features, to);
    }
  }

  void draw(cpu::Run<T>& run, const cpu::Chunk& chunk) const {
    const std::int64_t features = this->features();
    T* masks = mask(run, chunk);
    const T kept = T(1) / (T(1) - static_cast<T>(p_));
    const RandomStream random(run.seed, Purpose::dropout, static_cast<std::uint32_t>(this->node_.index),
                              run.forwards);
    for (std::int64_t s = 0; s < chunk.samples; ++s) {
      random.uniform_floats(run.random_row(chunk, s), features, [&](std::int64_t f, float uniform) {
        masks[s * features + f] = uniform < static_cast<float>(p_) ? T(0) : kept;
      });
    }
  }

  double p_;
  const cpu::Kernels<T>& kernels_ = cpu::kernels<T>();
};

}  // namespace

LayerEntry dropout_layer() { return layer<nn::Dropout>(lower, {cpu_node<Dropout>("Dropout")}); }

}  // namespace indrnn
