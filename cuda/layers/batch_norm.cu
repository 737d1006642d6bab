// y = (x - mean) / sqrt(variance + epsilon) * weight + bias, statistics over all real steps of all samples.
//   dx = weight * r * (dy - mean(dy) - (x - mean) r^2 mean(dy (x - mean))),  r = 1 / sqrt(variance + epsilon)
//   dweight = sum dy (x - mean) r;  dbias = sum dy
// (Ioffe & Szegedy 2015.) Forward reads x for the statistics and again to scale it; backward reads dy and x for the two
// sums and again for dx. Statistics are joined pairwise from means and sums of squares (Chan, Golub & LeVeque 1979).
#include <cmath>
#include <vector>

#include "device/column_sums.cuh"
#include "device/load_ahead.cuh"
#include "device/moments.cuh"
#include "device/ragged.cuh"
#include "device/walk.cuh"
#include "executor/runner.hpp"
#include "layers/layer.hpp"

namespace indrnn::cuda {
namespace {

// Kept from forward to backward, [F] each.
template <class T>
struct NormMemory {
  double* count;            // [1] real rows of all ranks, 0 where the running statistics were used
  double *means, *squares;  // behind `count`: what ranks sum; backward: dy and dy (x - mean)
  double* inverse;
  T *mean, *scale, *bias;              // y = scale (x - mean) + bias: without variance exactly bias
  T *dy_factor, *x_factor, *constant;  // dx = dy_factor dy + x_factor (x - mean) + constant

  static std::size_t bytes(std::int64_t features) {
    return static_cast<std::size_t>(1 + 3 * features) * sizeof(double) +
           static_cast<std::size_t>(6 * features) * sizeof(T);
  }
  NormMemory(double* memory, std::int64_t features)
      : count(memory), means(count + 1), squares(means + features), inverse(squares + features) {
    mean = reinterpret_cast<T*>(inverse + features);
    scale = mean + features;
    bias = scale + features;
    dy_factor = bias + features;
    x_factor = dy_factor + features;
    constant = x_factor + features;
  }
};

template <class S, bool ragged>
struct RealRows {
  struct Element {
    S x;
    bool real;
  };
  const S* x;
  Rows rows;
  __device__ Element read(std::int64_t row, std::int64_t column) const {
    return {load<S>(x + row * rows.features + column), is_real_row<ragged>(rows, row)};
  }
  __device__ bool is_real(const Element& element) const { return !ragged || element.real; }
  __device__ Compute<S> number(const Element& element) const { return widen(element.x); }
};

// From mean and variance of one feature to what the passes need; the running statistics follow in training.
template <class T>
struct SetFeature {
  NormMemory<T> m;
  const T *weight, *bias;
  T *running_mean, *running_variance;
  double momentum, epsilon;

  __device__ void set(std::int64_t f, double mean, double variance) const {
    const double inverse = 1.0 / std::sqrt(variance + epsilon);
    const double scale = static_cast<double>(load(weight + f)) * inverse;
    store(m.inverse + f, inverse);
    store(m.mean + f, static_cast<T>(mean));
    store(m.scale + f, static_cast<T>(scale));
    store(m.bias + f, load(bias + f));
    store(m.dy_factor + f,
          static_cast<T>(scale));  // of fixed statistics; backward replaces the rest in training
    store(m.x_factor + f, T(0));
    store(m.constant + f, T(0));
  }
  // Of the batch.
  __device__ void operator()(std::int64_t f, const Moments& moments) const {
    if (f == 0) store(m.count, moments.count);
    use(f, moments);
  }
  __device__ void use(std::int64_t f, const Moments& moments) const {
    if (moments.count == 0.0) return from_running(f);
    const double variance = moments.squares > 0.0 ? moments.squares / moments.count : 0.0;
    const double unbiased = moments.count > 1.0 ? moments.squares / (moments.count - 1.0) : variance;
    set(f, moments.mean, variance);
    follow(running_mean + f, moments.mean);
    follow(running_variance + f, unbiased);
  }
  __device__ void follow(T* running, double value) const {
    const T now = load(running);
    store(running, static_cast<T>(now + static_cast<T>(momentum * (value - static_cast<double>(now)))));
  }
  __device__ void from_running(std::int64_t f) const {
    set(f, static_cast<double>(load(running_mean + f)), static_cast<double>(load(running_variance + f)));
  }
};

// Of this rank, for the sums over ranks; then of all ranks.
template <class T>
struct KeepMoments {
  NormMemory<T> m;
  __device__ void operator()(std::int64_t f, const Moments& moments) const {
    if (f == 0) store(m.count, moments.count);
    store(m.means + f, moments.mean);
    store(m.squares + f, moments.squares);
  }
};

template <class T>
struct UseKept {
  SetFeature<T> set;
  __device__ void operator()(std::int64_t f) const {
    set.use(f, {load(set.m.count), load(set.m.means + f), load(set.m.squares + f)});
  }
};

template <class T>
struct UseRunning {
  SetFeature<T> set;
  __device__ void operator()(std::int64_t f) const {
    if (f == 0) store(set.m.count, 0.0);
    set.from_running(f);
  }
};

template <class S>
struct Normalize {
  using T = Compute<S>;
  const S* x;
  S* y;
  const T *mean, *scale, *bias;
  std::int64_t columns, features;
  __device__ void operator()(std::int64_t column, std::int64_t first, std::int64_t end) const {
    const std::int64_t f = column % features;
    const T center = load_constant(mean + f), a = load_constant(scale + f), b = load_constant(bias + f);
    load_ahead<steps_ahead>(
        first, end, 1, [&](std::int64_t t) { return load<S>(x + t * columns + column); },
        [&](std::int64_t t, S value) { store(y + t * columns + column, (widen(value) - center) * a + b); });
  }
};

// Sums of dy and dy (x - mean) over the real rows.
template <class S, bool ragged>
struct GradientTerm {
  using T = Compute<S>;
  const S *dy, *x;
  const T* mean;
  Rows rows;
  __device__ void operator()(std::int64_t row, std::int64_t column, T* sums) const {
    const std::int64_t at = row * rows.features + column;
    const T gradient = load(dy + at), difference = load(x + at) - load_constant(mean + column);
    const bool real = is_real_row<ragged>(rows, row);
    sums[0] += real ? gradient : T(0);
    sums[1] += real ? gradient * difference : T(0);
  }
};

template <class T>
struct FinishGradient {
  NormMemory<T> m;
  const T* weight;
  T *weight_gradient, *bias_gradient;
  bool alone;  // otherwise the factors wait for the sums over ranks
  __device__ void operator()(std::int64_t f, const double* sums) const {
    const double inverse = load(m.inverse + f);
    store(bias_gradient + f, static_cast<T>(static_cast<double>(load(bias_gradient + f)) + sums[0]));
    store(weight_gradient + f,
          static_cast<T>(static_cast<double>(load(weight_gradient + f)) + sums[1] * inverse));
    if (alone) return set_factors(f, sums[0], sums[1]);
    store(m.means + f, sums[0]);
    store(m.squares + f, sums[1]);
  }
  __device__ void set_factors(std::int64_t f, double sum_dy, double sum_dy_x) const {
    const double inverse = load(m.inverse + f), count = load(m.count);
    if (count == 0.0) return;  // fixed statistics: the factors are there
    const double scale = static_cast<double>(load(weight + f)) * inverse;
    store(m.x_factor + f, static_cast<T>(-scale * inverse * inverse * sum_dy_x / count));
    store(m.constant + f, static_cast<T>(-scale * sum_dy / count));
  }
};

template <class T>
struct SetFactors {
  FinishGradient<T> finish;
  __device__ void operator()(std::int64_t f) const {
    finish.set_factors(f, load(finish.m.means + f), load(finish.m.squares + f));
  }
};

template <class S>
struct NormGradient {
  using T = Compute<S>;
  const S *dy, *x;
  S* dx;
  NormMemory<T> m;
  Rows rows;
  __device__ void operator()(std::int64_t column, std::int64_t first, std::int64_t end) const {
    const std::int64_t sample = column / rows.features, f = column - sample * rows.features,
                       stride = rows.columns();
    const std::int64_t valid = valid_steps(rows, sample);
    const T a = load_constant(m.dy_factor + f), b = load_constant(m.x_factor + f);
    const T c = load_constant(m.constant + f), mean = load_constant(m.mean + f);
    struct Step {
      S dy, x;
    };
    load_ahead<steps_ahead>(
        first, end, 1,
        [&](std::int64_t t) -> Step {
          const std::int64_t at = t * stride + column;
          return t < valid ? Step{load<S>(dy + at), load<S>(x + at)} : Step{};
        },
        [&](std::int64_t t, const Step& step) {
          store(dx + t * stride + column,
                t < valid ? a * widen(step.dy) + (b * (widen(step.x) - mean) + c) : T(0));
        });
  }
};

template <class S>
class BatchNorm : public Runner<S> {
  using T = Compute<S>;

 public:
  BatchNorm(const Graph& graph, const Node& node)
      : Runner<S>(graph, node), spec_(read_spec<nn::BatchNorm>(node.spec, node.path)) {}

 protected:
  NormMemory<T> memory(const Run<S>& run, int statistics_node) const {
    return {run.template node_memory<double>(statistics_node), this->input_value().features};
  }

  nn::BatchNorm spec_;
};

// Finds the statistics; all of backward.
template <class S>
class Statistics : public BatchNorm<S> {
  using T = Compute<S>;

 public:
  using BatchNorm<S>::BatchNorm;

  NodeBytes bytes(const Sizes& sizes, Mode) const override {
    const std::int64_t features = this->input_value().features, rows = this->steps(sizes) * sizes.batch;
    return {.kept = NormMemory<T>::bytes(features),
            .scratch = std::max(moments_bytes(rows, features), column_sums_bytes(rows, features, 2))};
  }

  void forward(Run<S>& run) const override {
    if (run.backward_pass) return;
    const Rows rows = run.rows(this->node_.inputs[0]);
    const SetFeature<T> set{this->memory(run, this->node_.index),
                            run.parameter(this->node_.parameters[0]),
                            run.parameter(this->node_.parameters[1]),
                            run.buffer(this->node_.buffers[0]),
                            run.buffer(this->node_.buffers[1]),
                            this->spec_.momentum,
                            this->spec_.epsilon};
    if (run.ranks != nullptr) {
      find_moments(run, rows, KeepMoments<T>{set.m});
      run.join_moments_of_ranks(1, rows.features, set.m.count);
      launch_columns("batch_norm_of_ranks", run.stream, rows.features, UseKept<T>{set});
    } else if (run.mode().training) {
      find_moments(run, rows, set);
    } else {
      launch_columns("batch_norm_running", run.stream, rows.features, UseRunning<T>{set});
    }
  }

  void backward(Run<S>& run) const override {
    const Rows rows = run.rows(this->node_.inputs[0]);
    const NormMemory<T> m = this->memory(run, this->node_.index);
    const S* x = run.value(this->node_.inputs[0]);
    const S* dy = run.gradient(this->node_.outputs[0]);
    const FinishGradient<T> finish{m, run.parameter(this->node_.parameters[0]),
                                   run.parameter_gradient(this->node_.parameters[0]),
                                   run.parameter_gradient(this->node_.parameters[1]), run.ranks == nullptr};
    choose_ragged(rows, [&](auto ragged) {
      launch_column_sums<2, T>("batch_norm_gradient_sums", run.stream, rows.count(), rows.features,
                               GradientTerm<S, ragged>{dy, x, m.mean, rows}, finish,
                               run.template scratch<double>());
    });
    if (run.ranks != nullptr) {
      run.sum_over_ranks(m.means, 2 * rows.features);
      launch_columns("batch_norm_factors_of_ranks", run.stream, rows.features, SetFactors<T>{finish});
    }
    launch_walk("batch_norm_backward", run.stream, rows,
                NormGradient<S>{dy, x, run.gradient(this->node_.inputs[0]), m, rows});
  }

 private:
  template <class Finish>
  void find_moments(Run<S>& run, const Rows& rows, const Finish& finish) const {
    choose_ragged(rows, [&](auto ragged) {
      launch_moments<T>("batch_norm_statistics", run.stream, rows.count(), rows.features,
                        RealRows<S, ragged>{run.value(this->node_.inputs[0]), rows}, finish,
                        run.template scratch<double>());
    });
  }
};

template <class S>
class Apply : public BatchNorm<S> {
  using T = Compute<S>;

 public:
  using BatchNorm<S>::BatchNorm;

  void forward(Run<S>& run) const override {
    const Rows rows = run.rows(this->node_.inputs[0]);
    const NormMemory<T> m = this->memory(run, this->node_.index - 1);
    launch_walk("batch_norm_forward", run.stream, rows,
                Normalize<S>{run.value(this->node_.inputs[0]), run.value(this->node_.outputs[0]), m.mean,
                             m.scale, m.bias, rows.columns(), rows.features});
  }

  void backward(Run<S>&) const override {}
};

}  // namespace

std::vector<CudaNode> batch_norm_nodes() {
  return {cuda_node<Statistics>("BatchNorm.statistics"), cuda_node<Apply>("BatchNorm.apply")};
}

}  // namespace indrnn::cuda
