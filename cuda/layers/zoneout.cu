// The recurrence with zoneout (Krueger et al. 2017):  a_t = act(z_t + bias + u h_{t-1}),
//   in training   h_t = h_{t-1} where a coin falls with probability p, else a_t   (per step, sample and neuron)
//   otherwise     h_t = p h_{t-1} + (1 - p) a_t
// Backward, with g the gradient of h_t:  dz_t = w act'(a_t) g,  gradient of h_{t-1} = (1 - w) g + u dz_t,
// where w is the weight that a_t had in h_t. a_t is made again from z_t, which is kept.
#include <vector>

#include "device/column_sums.cuh"
#include "device/random.cuh"
#include "executor/runner.hpp"
#include "layers/layer.hpp"
#include "layers/recurrence.cuh"
#include "layers/recurrence_sums.cuh"

namespace indrnn::cuda {
namespace {

// The weight of a_t in h_t.
template <class T>
struct Weight {
  bool training;
  T fixed;  // 1 - p, outside training
  Chance keeps;
  std::int64_t first_step, blocks_per_step;

  __device__ T at(const RandomStream& random, std::uint64_t row, std::int64_t feature, std::int64_t t) const {
    if (!training) return fixed;
    const std::int64_t block = (first_step + t) * blocks_per_step;
    return keeps.happens(random, row, feature, block) ? T(0) : T(1);
  }
};

// Loads of so many steps are under way beside the present ones; the rest of a step, a draw, takes longer than
// they do.
constexpr int depth = 4;

template <class S, class A, bool with_resets>
__global__ void __launch_bounds__(recurrence_threads, recurrence_blocks)
    zoneout_forward(RecurrenceForward<S> r, Weight<Compute<S>> weight) {
  using T = Compute<S>;
  const std::int64_t index = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (index >= r.rows.columns()) return;
  const Column<with_resets> column(r.rows, r.resets, index);
  const RandomStream random = weight.keeps.stream();
  const std::uint64_t row = weight.keeps.row_of(column.sample);
  const T u = load_constant(r.u + column.feature);
  const T bias = r.bias != nullptr ? load_constant(r.bias + column.feature) : T(0);
  T h = load(r.before + index);
  std::int64_t t = 0;
  S* out = r.h + index;
  read_steps<depth, with_resets>(column.reading(0, 1, r.z), column.valid, [&](const S(&z)[1], bool reset) {
    if (reset) h = T(0);
    const T w = weight.at(random, row, column.feature, t++);
    const T a = A::value(widen(z[0]) + bias + u * h);
    h = (T(1) - w) * h + w * a;
    store(out, h);
    out += column.stride;
  });
  for (t = column.valid; t < r.rows.steps; ++t) store(r.h + t * column.stride + index, T(0));
  store(r.behind + index, h);
}

template <class S, class A, bool with_resets>
__global__ void __launch_bounds__(recurrence_threads, recurrence_blocks)
    zoneout_backward(RecurrenceBackward<S> r, const S* z, const Compute<S>* biases,
                     Weight<Compute<S>> weight) {
  using T = Compute<S>;
  const std::int64_t index = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (index >= r.rows.columns()) return;
  const Column<with_resets> column(r.rows, r.resets, index);
  for (std::int64_t t = column.valid; t < r.rows.steps; ++t) store(r.dz + t * column.stride + index, T(0));
  const RandomStream random = weight.keeps.stream();
  const std::uint64_t row = weight.keeps.row_of(column.sample);
  const T u = load_constant(r.u + column.feature);
  const T bias = biases != nullptr ? load_constant(biases + column.feature) : T(0);
  BackwardSums<T> sums{load(r.state_gradient + index), {}, {}};
  std::int64_t t = column.valid - 1;
  S* dz = r.dz + t * column.stride + index;
  const auto step = [&](T dh, T z_t, T before, bool reset) {
    const T previous = reset ? T(0) : before;
    const T w = weight.at(random, row, column.feature, t--);
    const T gradient = dh + sums.g;
    const T inner = w * A::gradient(A::value(z_t + bias + u * previous), gradient);
    store(dz, inner);
    dz -= column.stride;
    sums.du.add(inner * previous);
    sums.dbias.add(inner);
    sums.g = reset ? T(0) : (T(1) - w) * gradient + u * inner;
  };
  const auto flush = [&] {
    sums.du.flush();
    sums.dbias.flush();
  };
  read_steps<depth, with_resets>(
      column.reading(t, -1, r.dh, z, r.h - column.stride), t,
      [&](const S(&now)[3], bool reset) { step(widen(now[0]), widen(now[1]), widen(now[2]), reset); }, flush);
  if (column.valid > 0) {  // the state before the first step lies elsewhere
    step(load(r.dh + index), load(z + index), load(r.before + index), column.is_reset(0));
    flush();
  }
  store(r.state_gradient + index, sums.g);
  store(r.du + index, sums.du.total);
  if (r.dbias != nullptr) store(r.dbias + index, sums.dbias.total);
}

template <class S>
class Zoneout : public Runner<S> {
  using T = Compute<S>;

 public:
  Zoneout(const Graph& graph, const Node& node) : Runner<S>(graph, node) {
    const auto spec = read_spec<nn::Recurrence>(node.spec, node.path);
    activation_ = *find_activation(spec.activation);
    p_ = spec.zoneout;
  }

  NodeBytes bytes(const Sizes& sizes, Mode mode) const override {
    if (!mode.keep) return {};
    const std::int64_t features = this->input_value().features;
    return {.scratch = recurrence_sums_bytes(sizes.batch, features, 1)};
  }

  void forward(Run<S>& run) const override {
    const Rows rows = run.rows(this->node_.inputs[0]);
    const RecurrenceForward<S> r{.rows = rows,
                                 .z = run.value(this->node_.inputs[0]),
                                 .h = run.value(this->node_.outputs[0]),
                                 .u = run.parameter(this->node_.parameters[0]),
                                 .bias = bias(run),
                                 .before = run.state_before(this->node_.state),
                                 .behind = run.state_behind(this->node_.state),
                                 .resets = run.window_resets()};
    dispatch_activation(activation_, [&](auto a) {
      using A = decltype(a);
      launch_columns_of("zoneout_forward", run, rows,
                        r.resets != nullptr ? zoneout_forward<S, A, true> : zoneout_forward<S, A, false>, r,
                        weight(run, rows));
    });
  }

  void backward(Run<S>& run) const override {
    const Rows rows = run.rows(this->node_.inputs[0]);
    const RecurrenceSums sums(run.template scratch<double>(), rows.batch, rows.features, 1,
                              this->node_.fused_bias >= 0);
    const RecurrenceBackward<S> r = recurrence_backward_arguments(run, this->node_, sums);
    dispatch_activation(activation_, [&](auto a) {
      using A = decltype(a);
      launch_columns_of("zoneout_backward", run, rows,
                        r.resets != nullptr ? zoneout_backward<S, A, true> : zoneout_backward<S, A, false>, r,
                        static_cast<const S*>(run.value(this->node_.inputs[0])), bias(run),
                        weight(run, rows));
    });
    add_recurrence_sums(run.stream, sums, run.parameter_gradient(this->node_.parameters[0]),
                        sums.dbias == nullptr ? nullptr : run.parameter_gradient(this->node_.fused_bias));
  }

 private:
  const T* bias(const Run<S>& run) const {
    return this->node_.fused_bias < 0 ? nullptr : run.parameter(this->node_.fused_bias);
  }

  Weight<T> weight(const Run<S>& run, const Rows& rows) const {
    return {run.mode().training, static_cast<T>(1.0 - p_),
            Chance{run.numbers, Purpose::zoneout, static_cast<std::uint32_t>(this->node_.index),
                   static_cast<float>(p_)},
            rows.first_step, divide_up(rows.features, 4)};
  }

  template <class... Parameters, class... Arguments>
  static void launch_columns_of(const char* name, const Run<S>& run, const Rows& rows,
                                void (*kernel)(Parameters...), const Arguments&... arguments) {
    launch({name, dim3(grid_size(rows.columns(), recurrence_threads)), dim3(recurrence_threads), run.stream},
           kernel, arguments...);
  }

  cpu::Activation activation_;
  double p_;
};

}  // namespace

std::vector<CudaNode> zoneout_nodes() { return {cuda_node<Zoneout>("Zoneout")}; }

}  // namespace indrnn::cuda
