// y_t = x_t - x_{t-1}, zero where no step lies before.   dx_t = dy_t - dy_{t+1}, each where the difference was taken.
// The state is x_{t-1} and, in one more column, 1 once there is a step before.
#include <algorithm>

#include "layers/layer.hpp"

namespace indrnn {
namespace {

int lower(GraphBuilder& builder, const nn::LayerSpec& generic, int input, const std::string& path) {
  read_spec<nn::TimeDifference>(generic, path);
  const Value from = read_sequence(builder, input, path, generic.type);
  Node node{.type = "TimeDifference", .path = path, .spec = generic};
  const int output = builder.add_value({.features = from.features, .sequence = true});
  node.inputs = {input};
  node.outputs = {output};
  node.state = builder.add_state(path + ".previous", from.features + 1);
  node.backward_in_place = true;
  builder.add_node(std::move(node));
  return output;
}

template <class T>
class TimeDifference : public cpu::Runner<T> {
 public:
  using cpu::Runner<T>::Runner;

  void forward(cpu::Run<T>& run, const cpu::Chunk& chunk) const override {
    const std::int64_t features = this->input_value().features, width = features + 1;
    T* states = run.carry(this->node_.state, chunk);
    if (run.mode().keep) std::copy_n(states, chunk.samples * width, run.boundary(this->node_.state, chunk));
    for (std::int64_t s = 0; s < chunk.samples; ++s) {
      const T* x = run.value(this->node_.inputs[0], chunk) + s * chunk.steps * features;
      T* y = run.value(this->node_.outputs[0], chunk) + s * chunk.steps * features;
      T* state = states + s * width;
      const std::int64_t valid = chunk.valid_steps(s);
      for (std::int64_t t = 0; t < valid; ++t) {
        const T* previous = t > 0 ? x + (t - 1) * features : state;
        const bool taken = is_taken(run, chunk, s, t, state);
        for (std::int64_t f = 0; f < features; ++f) {
          y[t * features + f] = taken ? x[t * features + f] - previous[f] : T(0);
        }
      }
      std::fill(y + valid * features, y + chunk.steps * features, T(0));
      if (valid == 0) continue;
      std::copy_n(x + (valid - 1) * features, features, state);
      state[features] = T(1);
    }
  }

  void backward(cpu::Run<T>& run, const cpu::Chunk& chunk) const override {
    const std::int64_t features = this->input_value().features, width = features + 1;
    for (std::int64_t s = 0; s < chunk.samples; ++s) {
      const T* dy = run.gradient(this->node_.outputs[0], chunk) + s * chunk.steps * features;
      T* dx = run.gradient(this->node_.inputs[0], chunk) + s * chunk.steps * features;
      const T* state = run.boundary(this->node_.state, chunk) + s * width;
      T* later =
          run.carry_gradient(this->node_.state, chunk) + s * width;  // what reaches x_t from step t + 1
      const std::int64_t valid = chunk.valid_steps(s);
      std::fill(dx + valid * features, dx + chunk.steps * features, T(0));
      for (std::int64_t t = valid - 1; t >= 0; --t) {
        const bool taken = is_taken(run, chunk, s, t, state);
        for (std::int64_t f = 0; f < features; ++f) {
          const T gradient = taken ? dy[t * features + f] : T(0);
          dx[t * features + f] = gradient + later[f];
          later[f] = -gradient;
        }
      }
      if (valid > 0) later[features] = T(0);
    }
  }

 private:
  bool is_taken(const cpu::Run<T>& run, const cpu::Chunk& chunk, std::int64_t s, std::int64_t t,
                const T* state) const {
    if (run.is_reset(chunk, s, t)) return false;
    return t > 0 || state[this->input_value().features] > T(0);
  }
};

}  // namespace

LayerEntry time_difference_layer() {
  return layer<nn::TimeDifference>(lower, {cpu_node<TimeDifference>("TimeDifference")});
}

}  // namespace indrnn
