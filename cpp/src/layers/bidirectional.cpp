// y = [layers(x), reverse(layers'(reverse(x)))], where reverse turns the real steps of each sequence round:
// reverse(x)_t = x_{length - 1 - t} for t < length, zero past it. Its gradient is the same reversal.
#include <algorithm>

#include "layers/fork.hpp"
#include "layers/layer.hpp"

namespace indrnn {
namespace {

// Two nodes: all of the sequence must be there before its end can be read.
int add_reverse(GraphBuilder& builder, int input, const std::string& path) {
  const Value from = builder.value(input);
  Node collect{.type = "Reverse.collect", .path = path, .spec = nn::Bidirectional{}};
  const int collected = builder.add_value({.features = from.features, .sequence = true});
  collect.inputs = {input};
  collect.outputs = {collected};
  collect.transparent_forward = collect.transparent_backward = true;
  collect.barrier = Barrier::always;
  builder.add_node(std::move(collect));

  Node turn{.type = "Reverse.turn", .path = path};
  const int output = builder.add_value({.features = from.features, .sequence = true});
  turn.inputs = {collected};
  turn.outputs = {output};
  builder.add_node(std::move(turn));
  return output;
}

int lower(GraphBuilder& builder, const nn::LayerSpec& generic, int input, const std::string& path) {
  const auto spec = read_spec<nn::Bidirectional>(generic, path);
  if (spec.layers.empty())
    throw_field_error(path, generic.type, "layers must hold at least one layer, got none");
  read_sequence(builder, input, path, generic.type);
  const auto [ahead, back] = add_fork(builder, input, path);
  const int forward = builder.lower(spec.layers, ahead, path + ".forward");
  if (!builder.value(forward).sequence) throw_field_error(path, generic.type, "layers must give a sequence");
  const int backward = builder.lower(spec.layers, add_reverse(builder, back, path), path + ".backward");
  return add_join(builder, forward, add_reverse(builder, backward, path), path);
}

template <class T>
class Collect : public cpu::Runner<T> {
 public:
  using cpu::Runner<T>::Runner;
  void forward(cpu::Run<T>&, const cpu::Chunk&) const override {}
  void backward(cpu::Run<T>&, const cpu::Chunk&) const override {}
};

template <class T>
class Turn : public cpu::Runner<T> {
 public:
  using cpu::Runner<T>::Runner;

  void forward(cpu::Run<T>& run, const cpu::Chunk& chunk) const override {
    const std::int64_t features = this->input_value().features;
    T* y = run.value(this->node_.outputs[0], chunk);
    for_rows(run, chunk, [&](const cpu::Chunk& sample, std::int64_t row, std::int64_t mirrored) {
      if (mirrored < 0) {
        std::fill_n(y + row * features, features, T(0));
      } else {
        std::copy_n(run.value(this->node_.inputs[0], sample) + mirrored * features, features,
                    y + row * features);
      }
    });
  }

  void backward(cpu::Run<T>& run, const cpu::Chunk& chunk) const override {
    const std::int64_t features = this->input_value().features;
    const T* dy = run.gradient(this->node_.outputs[0], chunk);
    for_rows(run, chunk, [&](const cpu::Chunk& sample, std::int64_t row, std::int64_t mirrored) {
      T* dx = run.gradient(this->node_.inputs[0], sample);
      if (mirrored < 0) {  // past the length: this row of dx is nobody's mirror image
        const std::int64_t step = chunk.first_step + row % chunk.steps;
        std::fill_n(dx + step * features, features, T(0));
      } else {
        std::copy_n(dy + row * features, features, dx + mirrored * features);
      }
    });
  }

 private:
  // use(whole sequence of the sample, row in the chunk, step it mirrors or -1 past the length)
  template <class Use>
  void for_rows(const cpu::Run<T>& run, const cpu::Chunk& chunk, const Use& use) const {
    for (std::int64_t s = 0; s < chunk.samples; ++s) {
      cpu::Chunk sample = chunk;
      sample.first_sample += s;
      sample.first_step = 0;
      const std::int64_t length = run.length(sample.first_sample);
      for (std::int64_t t = 0; t < chunk.steps; ++t) {
        use(sample, s * chunk.steps + t, std::max<std::int64_t>(-1, length - 1 - (chunk.first_step + t)));
      }
    }
  }
};

}  // namespace

LayerEntry bidirectional_layer() {
  return layer<nn::Bidirectional>(lower,
                                  {cpu_node<Collect>("Reverse.collect"), cpu_node<Turn>("Reverse.turn")});
}

}  // namespace indrnn
