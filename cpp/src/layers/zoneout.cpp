// The recurrence with zoneout (Krueger et al. 2017):  a_t = act(z_t + bias + u h_{t-1}),
//   in training   h_t = h_{t-1} where a coin falls with probability p, else a_t   (per step, sample and neuron)
//   otherwise     h_t = p h_{t-1} + (1 - p) a_t
// Backward, with g the gradient of h_t:  dz_t = w act'(a_t) g,  gradient of h_{t-1} = (1 - w) g + u dz_t,
// where w is the weight that a_t had in h_t (0, 1, or 1 - p). a_t is made again from z_t, which is kept.
#include <algorithm>
#include <cmath>

#include "backend/cpu/kernels/kernels.hpp"
#include "core/random_stream.hpp"
#include "layers/activation.hpp"
#include "layers/layer.hpp"

namespace indrnn {
namespace {

constexpr std::int64_t block = 64;  // neurons that walk time together

template <class T>
T value(cpu::Activation activation, T a) {
  switch (activation) {
    case cpu::Activation::relu:
      return a < T(0) ? T(0) : a;
    case cpu::Activation::tanh:
      return std::tanh(a);
    case cpu::Activation::sigmoid:
      return T(1) / (T(1) + std::exp(-a));
    case cpu::Activation::identity:
      return a;
  }
  return a;
}

// act'(a) from h = act(a).
template <class T>
T slope(cpu::Activation activation, T h) {
  switch (activation) {
    case cpu::Activation::relu:
      return h > T(0) ? T(1) : T(0);
    case cpu::Activation::tanh:
      return T(1) - h * h;
    case cpu::Activation::sigmoid:
      return h * (T(1) - h);
    case cpu::Activation::identity:
      return T(1);
  }
  return T(1);
}

template <class T>
class Zoneout : public cpu::Runner<T> {
 public:
  Zoneout(const Graph& graph, const Node& node) : cpu::Runner<T>(graph, node) {
    const auto spec = read_spec<nn::Recurrence>(node.spec, node.path);
    activation_ = *find_activation(spec.activation);
    p_ = spec.zoneout;
  }

  void forward(cpu::Run<T>& run, const cpu::Chunk& chunk) const override {
    const std::int64_t features = this->input_value().features;
    T* states = run.carry(this->node_.state, chunk);
    if (run.mode().keep)
      std::copy_n(states, chunk.samples * features, run.boundary(this->node_.state, chunk));
    const T* u = run.parameter(this->node_.parameters[0]);
    const T* z = run.value(this->node_.inputs[0], chunk);
    T* h = run.value(this->node_.outputs[0], chunk);
    for_blocks(chunk, [&](std::int64_t s, std::int64_t first, std::int64_t count) {
      T* state = states + s * features + first;
      for (std::int64_t t = 0; t < chunk.steps; ++t) {
        const std::int64_t at = (s * chunk.steps + t) * features + first;
        if (t >= chunk.valid_steps(s)) {
          std::fill_n(h + at, count, T(0));
          continue;
        }
        if (run.is_reset(chunk, s, t)) std::fill_n(state, count, T(0));
        T weights[block];
        draw(run, chunk, s, t, first, count, weights);
        for (std::int64_t f = 0; f < count; ++f) {
          const T a = value(activation_, z[at + f] + bias(run, first + f) + u[first + f] * state[f]);
          h[at + f] = state[f] = (T(1) - weights[f]) * state[f] + weights[f] * a;
        }
      }
    });
  }

  void backward(cpu::Run<T>& run, const cpu::Chunk& chunk) const override {
    const std::int64_t features = this->input_value().features;
    const T* u = run.parameter(this->node_.parameters[0]);
    const T* z = run.value(this->node_.inputs[0], chunk);
    const T* h = run.value(this->node_.outputs[0], chunk);
    const T* dh = run.gradient(this->node_.outputs[0], chunk);
    T* dz = run.gradient(this->node_.inputs[0], chunk);
    double* du = run.vector_gradient(this->node_.parameters[0], chunk.lane);
    double* dbias =
        this->node_.fused_bias < 0 ? nullptr : run.vector_gradient(this->node_.fused_bias, chunk.lane);
    for_blocks(chunk, [&](std::int64_t s, std::int64_t first, std::int64_t count) {
      const T* state = run.boundary(this->node_.state, chunk) + s * features + first;
      T* later = run.carry_gradient(this->node_.state, chunk) + s * features + first;
      for (std::int64_t t = chunk.steps - 1; t >= 0; --t) {
        const std::int64_t at = (s * chunk.steps + t) * features + first;
        if (t >= chunk.valid_steps(s)) {
          std::fill_n(dz + at, count, T(0));
          continue;
        }
        const bool reset = run.is_reset(chunk, s, t);
        const T* before = t > 0 ? h + at - features : state;
        T weights[block];
        draw(run, chunk, s, t, first, count, weights);
        for (std::int64_t f = 0; f < count; ++f) {
          const T previous = reset ? T(0) : before[f];
          const T gradient = dh[at + f] + later[f];
          const T a = value(activation_, z[at + f] + bias(run, first + f) + u[first + f] * previous);
          const T inner = weights[f] * slope(activation_, a) * gradient;
          dz[at + f] = inner;
          du[first + f] += static_cast<double>(inner * previous);
          if (dbias != nullptr) dbias[first + f] += static_cast<double>(inner);
          later[f] = reset ? T(0) : (T(1) - weights[f]) * gradient + u[first + f] * inner;
        }
      }
    });
  }

 private:
  T bias(const cpu::Run<T>& run, std::int64_t f) const {
    return this->node_.fused_bias < 0 ? T(0) : run.parameter(this->node_.fused_bias)[f];
  }

  // weights[f]: of a_t in h_t.
  void draw(const cpu::Run<T>& run, const cpu::Chunk& chunk, std::int64_t s, std::int64_t t,
            std::int64_t first, std::int64_t count, T* weights) const {
    if (!run.mode().training) {
      std::fill_n(weights, count, static_cast<T>(1.0 - p_));
      return;
    }
    const std::int64_t blocks_per_step = (this->input_value().features + 3) / 4;
    const RandomStream random(run.seed, Purpose::zoneout, static_cast<std::uint32_t>(this->node_.index),
                              run.forwards);
    random.uniform_floats(
        static_cast<std::uint64_t>(chunk.first_sample + s), count,
        [&](std::int64_t f, float uniform) { weights[f] = uniform < static_cast<float>(p_) ? T(0) : T(1); },
        (chunk.first_step + t) * blocks_per_step + first / 4);
  }

  template <class Body>
  void for_blocks(const cpu::Chunk& chunk, const Body& body) const {
    const std::int64_t features = this->input_value().features;
    for (std::int64_t s = 0; s < chunk.samples; ++s) {
      for (std::int64_t first = 0; first < features; first += block)
        body(s, first, std::min(block, features - first));
    }
  }

  cpu::Activation activation_;
  double p_;
};

}  // namespace

LayerEntry zoneout_nodes() { return only_nodes({cpu_node<Zoneout>("Zoneout")}); }

}  // namespace indrnn
