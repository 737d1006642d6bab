#include "layers/fork.hpp"

#include <algorithm>

#include "layers/initializers.hpp"
#include "layers/layer.hpp"

namespace indrnn {

std::pair<int, int> add_fork(GraphBuilder& builder, int input, const std::string& path) {
  const Value from = builder.value(input);
  Node node{.type = "Fork", .path = path};
  for (int i = 0; i < 2; ++i) {
    node.outputs.push_back(builder.add_value({.features = from.features, .sequence = from.sequence}));
  }
  node.inputs = {input};
  node.transparent_forward = true;
  node.backward_in_place = true;
  const std::pair<int, int> outputs{node.outputs[0], node.outputs[1]};
  builder.add_node(std::move(node));
  return outputs;
}

int add_join(GraphBuilder& builder, int first, int second, const std::string& path) {
  const Value a = builder.value(first), b = builder.value(second);
  check_size(a.features + b.features, "features of the joined output", path, "Concat or Bidirectional");
  Node node{.type = "Join", .path = path};
  const int output = builder.add_value({.features = a.features + b.features, .sequence = a.sequence});
  node.inputs = {first, second};
  node.outputs = {output};
  builder.add_node(std::move(node));
  return output;
}

namespace {

// dx = dy_1 + dy_2
template <class T>
class Fork : public cpu::Runner<T> {
 public:
  using cpu::Runner<T>::Runner;

  void forward(cpu::Run<T>&, const cpu::Chunk&) const override {}

  void backward(cpu::Run<T>& run, const cpu::Chunk& chunk) const override {
    const T* first = run.gradient(this->node_.outputs[0], chunk);
    const T* second = run.gradient(this->node_.outputs[1], chunk);
    T* dx = run.gradient(this->node_.inputs[0], chunk);
    const std::int64_t count = chunk.rows() * this->input_value().features;
    for (std::int64_t i = 0; i < count; ++i) dx[i] = first[i] + second[i];
  }
};

// y = [a, b]
template <class T>
class Join : public cpu::Runner<T> {
 public:
  using cpu::Runner<T>::Runner;

  void forward(cpu::Run<T>& run, const cpu::Chunk& chunk) const override {
    T* y = run.value(this->node_.outputs[0], chunk);
    for_parts(run, [&](int input, std::int64_t first, std::int64_t features, std::int64_t width) {
      const T* x = run.value(input, chunk);
      for (std::int64_t row = 0; row < chunk.rows(); ++row) {
        std::copy_n(x + row * features, features, y + row * width + first);
      }
    });
  }

  void backward(cpu::Run<T>& run, const cpu::Chunk& chunk) const override {
    const T* dy = run.gradient(this->node_.outputs[0], chunk);
    for_parts(run, [&](int input, std::int64_t first, std::int64_t features, std::int64_t width) {
      T* dx = run.gradient(input, chunk);
      for (std::int64_t row = 0; row < chunk.rows(); ++row) {
        std::copy_n(dy + row * width + first, features, dx + row * features);
      }
    });
  }

 private:
  // part(value, first feature in y, features, features of y)
  template <class Part>
  void for_parts(cpu::Run<T>& run, const Part& part) const {
    std::int64_t first = 0;
    for (int input : this->node_.inputs) {
      const std::int64_t features = run.graph->values[static_cast<std::size_t>(input)].features;
      part(input, first, features, this->output_value().features);
      first += features;
    }
  }
};

}  // namespace

LayerEntry fork_and_join() { return only_nodes({cpu_node<Fork>("Fork"), cpu_node<Join>("Join")}); }

}  // namespace indrnn
