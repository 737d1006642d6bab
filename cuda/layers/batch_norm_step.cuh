// BatchNorm over the samples of each time step ("frame-wise"):
//   y_t = (x_t - mean_t) r_t * weight + bias,  r_t = 1 / sqrt(variance_t + epsilon)
//   dx_t = weight r_t (dy_t - mean(dy_t) - (x_t - mean_t) r_t^2 mean(dy_t (x_t - mean_t)))
// One thread takes one feature of one step and walks the samples, whose numbers are `features` apart: a step's rows stay
// in the cache between the passes over them. Outside training the running statistics of the step are used.
//
// The kernels' bodies; batch_norm_step.cu launches them.
#pragma once

#include <cmath>

#include "device/column_sums.cuh"
#include "device/load_ahead.cuh"
#include "device/random.cuh"
#include "device/walk.cuh"
#include "executor/runner.hpp"

namespace indrnn::cuda {

// Of one window, [steps, F] each.
template <class T>
struct StepMemory {
  double* counts;  // [steps] samples that reach the step
  // Behind `counts`: means and squared deviations; backward: of dy and of dy (x - mean) r.
  double *sums, *products;
  double* variance;  // of the batch, for the running statistics
  T *mean, *inverse;

  static std::size_t bytes(std::int64_t steps, std::int64_t features) {
    const auto size = static_cast<std::size_t>(steps * features);
    return (static_cast<std::size_t>(steps) + 3 * size) * sizeof(double) + 2 * size * sizeof(T);
  }
  StepMemory(double* memory, std::int64_t steps, std::int64_t features) : counts(memory) {
    const std::int64_t size = steps * features;
    sums = counts + steps;
    products = sums + size;
    variance = products + size;
    mean = reinterpret_cast<T*>(variance + size);
    inverse = mean + size;
  }
};

// Place of a step in the running statistics [4 N + 1, F].
struct RunningRow {
  const CallNumbers* numbers;
  std::int64_t time_steps, first_step;
  __device__ std::int64_t of(std::int64_t step) const {
    const std::int64_t start = load_constant(&numbers->start_step);
    const std::int64_t row = (start < 2 * time_steps ? start : 2 * time_steps) + first_step + step;
    return row < 4 * time_steps ? row : 4 * time_steps;
  }
};

// What all kernels read. Threads are (step, feature) columns.
template <class S>
struct StepNorm {
  using T = Compute<S>;
  Rows rows;
  const S* x;  // [steps, B, F]
  StepMemory<T> m;
  const T *weight, *bias;
  T *running_mean, *running_variance;
  RunningRow running;
  double epsilon;
  bool training;

  __device__ bool is_real(std::int64_t step, std::int64_t sample) const {
    return rows.lengths == nullptr || step < valid_steps(rows, sample);
  }
  __device__ std::int64_t at(std::int64_t step, std::int64_t sample, std::int64_t f) const {
    return (step * rows.batch + sample) * rows.features + f;
  }
};

constexpr int samples_ahead = 8;

// f(first, end) for runs of samples: their sums are taken in T before they are added in float64.
template <class F>
__device__ void for_runs(std::int64_t batch, const F& f) {
  for (std::int64_t first = 0; first < batch; first += short_run)
    f(first, first + short_run < batch ? first + short_run : batch);
}

// Mean, variance and 1 / deviation of each step, from the counts, means and squares that are kept.
template <class S>
struct UseKept {
  using T = Compute<S>;
  StepNorm<S> n;
  __device__ void operator()(std::int64_t index) const {
    use(index, load(n.m.counts + index / n.rows.features), load(n.m.sums + index),
        load(n.m.products + index));
  }
  __device__ void use(std::int64_t index, double count, double mean, double squares) const {
    const double divisor = count > 0.0 ? count : 1.0;
    const double spread = squares / divisor, variance = spread > 0.0 ? spread : 0.0;
    store(n.m.mean + index, static_cast<T>(mean));
    store(n.m.inverse + index, static_cast<T>(1.0 / std::sqrt(variance + n.epsilon)));
    store(n.m.variance + index, variance);
  }
};

// The same from the samples; or no more than those counts, means and squares, for the sums over ranks.
template <class S>
struct FindStatistics {
  using T = Compute<S>;
  StepNorm<S> n;
  bool alone;
  __device__ void operator()(std::int64_t index) const {
    const std::int64_t step = index / n.rows.features, f = index - step * n.rows.features;
    if (!n.training) {
      const std::int64_t from = n.running.of(step) * n.rows.features + f;
      store(n.m.mean + index, load(n.running_mean + from));
      store(n.m.inverse + index,
            T(1) / std::sqrt(load(n.running_variance + from) + static_cast<T>(n.epsilon)));
      return;
    }
    int real = 0;
    double sum = 0.0, square = 0.0;
    T shift = T(0);
    struct Sample {
      S x;
      bool real;
    };
    for_runs(n.rows.batch, [&](std::int64_t first, std::int64_t end) {
      T part = T(0), part_of_squares = T(0);
      load_ahead<samples_ahead>(
          first, end, 1,
          [&](std::int64_t sample) -> Sample {
            return {load<S>(n.x + n.at(step, sample, f)), n.is_real(step, sample)};
          },
          [&](std::int64_t, const Sample& each) {
            const T value = widen(each.x);
            if (each.real && real == 0) shift = value;  // the first sample's number keeps the sums small
            const T difference = each.real ? value - shift : T(0);
            part += difference;
            part_of_squares += difference * difference;
            real += each.real ? 1 : 0;
          });
      sum += static_cast<double>(part);
      square += static_cast<double>(part_of_squares);
    });
    const double count = real, divisor = real > 0 ? count : 1.0;
    const double mean = static_cast<double>(shift) + sum / divisor;
    const double squares = square - sum * sum / divisor;
    if (f == 0) store(n.m.counts + step, count);
    if (alone) return UseKept<S>{n}.use(index, count, mean, squares);
    store(n.m.sums + index, mean);
    store(n.m.products + index, squares);
  }
};

// The running statistics of a step; steps beyond the table share its last row, in order.
template <class S>
struct Follow {
  using T = Compute<S>;
  StepNorm<S> n;
  double momentum;
  __device__ void operator()(std::int64_t index) const {
    const std::int64_t features = n.rows.features, first = index / features, f = index - first * features;
    const std::int64_t row = n.running.of(first);
    if (first > 0 && n.running.of(first - 1) == row)
      return;  // the thread of the first step of a row does them all
    T* running_mean = n.running_mean + row * features + f;
    T* running_variance = n.running_variance + row * features + f;
    T mean = load(running_mean), variance = load(running_variance);
    for (std::int64_t step = first; step < n.rows.steps && n.running.of(step) == row; ++step) {
      const std::int64_t from = step * features + f;
      const double count = load(n.m.counts + step);
      if (count == 0.0) continue;
      const double unbiased = load(n.m.variance + from) * (count > 1.0 ? count / (count - 1.0) : 1.0);
      mean +=
          static_cast<T>(momentum * (static_cast<double>(load(n.m.mean + from)) - static_cast<double>(mean)));
      variance += static_cast<T>(momentum * (unbiased - static_cast<double>(variance)));
    }
    store(running_mean, mean);
    store(running_variance, variance);
  }
};

template <class S>
struct ApplyStatistics {
  using T = Compute<S>;
  StepNorm<S> n;
  S* y;
  __device__ void operator()(std::int64_t column, std::int64_t first, std::int64_t end) const {
    const std::int64_t f = column % n.rows.features;
    const T weight = load_constant(n.weight + f), bias = load_constant(n.bias + f);
    struct Step {
      S x;
      T mean, inverse;
    };
    load_ahead<steps_ahead>(
        first, end, 1,
        [&](std::int64_t t) -> Step {
          const std::int64_t of_step = t * n.rows.features + f;
          return {load<S>(n.x + t * n.rows.columns() + column), load(n.m.mean + of_step),
                  load(n.m.inverse + of_step)};
        },
        [&](std::int64_t t, const Step& step) {
          store(y + t * n.rows.columns() + column,
                (widen(step.x) - step.mean) * step.inverse * weight + bias);
        });
  }
};

// dx from the sums over the samples. It may lie over dy.
template <class S>
struct UseGradientSums {
  using T = Compute<S>;
  StepNorm<S> n;
  const S* dy;
  S* dx;

  struct Sample {
    S dy, x;
    bool real;
  };
  __device__ Sample read(std::int64_t step, std::int64_t sample, std::int64_t f) const {
    const std::int64_t at = n.at(step, sample, f);
    return {load<S>(dy + at), load<S>(n.x + at), n.is_real(step, sample)};
  }
  __device__ void operator()(std::int64_t index) const {
    use(index, load(n.m.counts + index / n.rows.features), load(n.m.sums + index),
        load(n.m.products + index));
  }
  __device__ void use(std::int64_t index, double count, double sum, double product) const {
    const std::int64_t step = index / n.rows.features, f = index - step * n.rows.features;
    const T mean = load(n.m.mean + index), inverse = load(n.m.inverse + index);
    const double divisor = count > 0.0 ? count : 1.0;
    const T scale = load_constant(n.weight + f) * inverse;
    const T mean_dy = n.training ? static_cast<T>(sum / divisor) : T(0);
    const T mean_product = n.training ? static_cast<T>(product / divisor) : T(0);
    load_ahead<samples_ahead>(
        0, n.rows.batch, 1, [&](std::int64_t sample) { return read(step, sample, f); },
        [&](std::int64_t sample, const Sample& each) {
          const T normal = (widen(each.x) - mean) * inverse;
          const T gradient = scale * (widen(each.dy) - mean_dy - normal * mean_product);
          store(dx + n.at(step, sample, f), each.real ? gradient : T(0));
        });
  }
};

// The sums, and dx where they are those of all.
template <class S>
struct StepGradient {
  using T = Compute<S>;
  UseGradientSums<S> then;
  bool alone;
  __device__ void operator()(std::int64_t index) const {
    const StepNorm<S>& n = then.n;
    const std::int64_t step = index / n.rows.features, f = index - step * n.rows.features;
    const T mean = load(n.m.mean + index), inverse = load(n.m.inverse + index);
    int real = 0;
    double sum = 0.0, product = 0.0;
    for_runs(n.rows.batch, [&](std::int64_t first, std::int64_t end) {
      T part = T(0), part_of_products = T(0);
      load_ahead<samples_ahead>(
          first, end, 1, [&](std::int64_t sample) { return then.read(step, sample, f); },
          [&](std::int64_t, const typename UseGradientSums<S>::Sample& each) {
            const T gradient = each.real ? widen(each.dy) : T(0);
            const T normal = each.real ? (widen(each.x) - mean) * inverse : T(0);
            part += gradient;
            part_of_products += gradient * normal;
            real += each.real ? 1 : 0;
          });
      sum += static_cast<double>(part);
      product += static_cast<double>(part_of_products);
    });
    store(n.m.sums + index, sum);
    store(n.m.products + index, product);
    if (alone) then.use(index, real, sum, product);
  }
};

// dweight = sum of products, dbias = sum of sums, over the steps.
template <class T>
struct ParameterTerm {
  StepMemory<T> m;
  std::int64_t features;
  __device__ void operator()(std::int64_t step, std::int64_t f, double* sums) const {
    sums[0] += load(m.products + step * features + f);
    sums[1] += load(m.sums + step * features + f);
  }
};

}  // namespace indrnn::cuda
