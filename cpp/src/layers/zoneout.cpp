// The recurrence with zoneout (Krueger et al. 2017):  a_t = act(z_t + bias + u h_{t-1}),
//   in training   h_t = h_{t-1} where a coin falls with probability p, else a_t   (per step, sample and neuron)
//   otherwise     h_t = p h_{t-1} + (1 - p) a_t
// Backward, with g the gradient of h_t:  dz_t = w act'(a_t) g,  gradient of h_{t-1} = (1 - w) g + u dz_t,
// where w is the weight that a_t had in h_t (0, 1, or 1 - p). a_t is made again from z_t, which is kept.
#include <algorithm>
#include <vector>

#include "backend/cpu/kernels/kernels.hpp"
#include "core/random_stream.hpp"
#include "layers/activation.hpp"
#include "layers/layer.hpp"

namespace indrnn {
namespace {

constexpr std::int64_t block = 64;      // neurons that walk time together
constexpr std::int64_t short_run = 64;  // steps whose sums are in T before they go to float64

template <class T>
class Zoneout : public cpu::Runner<T> {
 public:
  Zoneout(const Graph& graph, const Node& node) : cpu::Runner<T>(graph, node) {
    const auto spec = read_spec<nn::Recurrence>(node.spec, node.path);
    activation_ = *find_activation(spec.activation);
    p_ = spec.zoneout;
    zeros_.resize(static_cast<std::size_t>(this->input_value().features));
  }

  void forward(cpu::Run<T>& run, const cpu::Chunk& chunk) const override {
    const std::int64_t features = this->input_value().features;
    T* states = run.carry(this->node_.state, chunk);
    if (run.mode().keep)
      std::copy_n(states, chunk.samples * features, run.boundary(this->node_.state, chunk));
    const T* u = run.parameter(this->node_.parameters[0]);
    const T* bias = this->bias(run);
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
        kernels_.zoneout_forward[static_cast<int>(activation_)](
            {count, z + at, bias + first, u + first, weights, state, h + at});
      }
    });
  }

  void backward(cpu::Run<T>& run, const cpu::Chunk& chunk) const override {
    const std::int64_t features = this->input_value().features;
    const T* u = run.parameter(this->node_.parameters[0]);
    const T* bias = this->bias(run);
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
      T du_run[block] = {}, dbias_run[block] = {};
      for (std::int64_t t = chunk.steps - 1; t >= 0; --t) {
        const std::int64_t at = (s * chunk.steps + t) * features + first;
        if (t >= chunk.valid_steps(s)) {
          std::fill_n(dz + at, count, T(0));
          continue;
        }
        const bool reset = run.is_reset(chunk, s, t);
        const T* before = reset ? zeros_.data() : t > 0 ? h + at - features : state;
        T weights[block];
        draw(run, chunk, s, t, first, count, weights);
        kernels_.zoneout_backward[static_cast<int>(activation_)]({count, dh + at, z + at, bias + first,
                                                                  u + first, weights, before, dz + at, later,
                                                                  du_run, dbias_run});
        if (reset) std::fill_n(later, count, T(0));
        if (t % short_run == 0) {
          move_sums(du_run, count, du + first);
          move_sums(dbias_run, count, dbias == nullptr ? nullptr : dbias + first);
        }
      }
    });
  }

 private:
  const T* bias(const cpu::Run<T>& run) const {
    return this->node_.fused_bias < 0 ? zeros_.data() : run.parameter(this->node_.fused_bias);
  }

  static void move_sums(T* from, std::int64_t count, double* to) {
    for (std::int64_t f = 0; f < count; ++f) {
      if (to != nullptr) to[f] += static_cast<double>(from[f]);
      from[f] = T(0);
    }
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
    float uniforms[block];
    kernels_.uniform_floats(
        random.counters(run.random_row(chunk, s), (chunk.first_step + t) * blocks_per_step + first / 4),
        count, uniforms);
    for (std::int64_t f = 0; f < count; ++f) weights[f] = uniforms[f] < static_cast<float>(p_) ? T(0) : T(1);
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
  std::vector<T> zeros_;  // [features]
  const cpu::Kernels<T>& kernels_ = cpu::kernels<T>();
};

}  // namespace

LayerEntry zoneout_nodes() { return only_nodes({cpu_node<Zoneout>("Zoneout")}); }

}  // namespace indrnn
