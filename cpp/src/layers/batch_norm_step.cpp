// BatchNorm over the samples of each time step ("frame-wise"):
//   y_t = (x_t - mean_t) r_t * weight + bias,  r_t = 1 / sqrt(variance_t + epsilon)
//   dx_t = weight r_t (dy_t - mean(dy_t) - (x_t - mean_t) r_t^2 mean(dy_t (x_t - mean_t)))
// Like batch_norm.cpp, two nodes with a barrier between them in training; but the barrier waits for the samples of each
// step only. As x lies in full behind the barrier, the sums are taken there, step by step. Outside training the running
// statistics of a step are used, and there is no barrier. Ranks of a data-parallel training join their sums of a window.
#include <algorithm>
#include <cmath>

#include "backend/cpu/kernels/kernels.hpp"
#include "core/threads.hpp"
#include "layers/layer.hpp"

namespace indrnn {
namespace {

// Of one window of W time steps, in the memory of the statistics node.
template <class T>
struct StepMemory {
  double* counts;                      // [W] samples that reach the step
  double *sums, *products;             // [W, F] behind `counts`: what ranks sum
  T *mean, *inverse, *scale, *offset;  // [W, F] y = scale x + offset
  T *dy_factor, *x_factor, *constant;  // [W, F] dx = dy_factor dy + x_factor (x - mean) + constant

  static std::size_t bytes(std::int64_t steps, std::int64_t features) {
    return static_cast<std::size_t>(2 * steps * features + steps) * sizeof(double) +
           static_cast<std::size_t>(7 * steps * features) * sizeof(T);
  }

  StepMemory(std::int64_t steps, std::int64_t features, double* memory) {
    const std::int64_t size = steps * features;
    counts = memory;
    sums = counts + steps;
    products = sums + size;
    T* rest = reinterpret_cast<T*>(products + size);
    for (T** each : {&mean, &inverse, &scale, &offset, &dy_factor, &x_factor, &constant}) {
      *each = rest;
      rest += size;
    }
  }
};

template <class T>
class StepNorm : public cpu::Runner<T> {
 public:
  StepNorm(const Graph& graph, const Node& node)
      : cpu::Runner<T>(graph, node), spec_(read_spec<nn::BatchNorm>(node.spec, node.path)) {}

 protected:
  std::int64_t features() const { return this->input_value().features; }
  StepMemory<T> memory(cpu::Run<T>& run, int statistics_node) const {
    return {run.window_steps(), features(), run.template node_memory<double>(statistics_node)};
  }
  // Place of a step of this call in the running statistics, in elements.
  std::int64_t running_row(const cpu::Run<T>& run, std::int64_t step) const {
    const std::int64_t row = std::min(run.start_step, 2 * spec_.time_steps) + step;
    return std::min(row, 4 * spec_.time_steps) * features();
  }
  // use(sample, whole rows of it in the window) for the samples that reach step `step`, in order.
  template <class Use>
  void for_samples(const cpu::Run<T>& run, std::int64_t step, const Use& use) const {
    cpu::Chunk chunk;
    chunk.first_step = step;
    chunk.backward_pass = false;
    for (chunk.first_sample = 0; chunk.first_sample < run.geometry().batch; ++chunk.first_sample) {
      if (step < run.length(chunk.first_sample)) use(chunk);
    }
  }

  nn::BatchNorm spec_;
  const cpu::Kernels<T>& kernels_ = cpu::kernels<T>();
};

template <class T>
class StepStatistics : public StepNorm<T> {
 public:
  using StepNorm<T>::StepNorm;

  std::size_t memory_bytes(const Geometry&, std::int64_t window_steps, Mode mode) const override {
    return mode.training ? StepMemory<T>::bytes(window_steps, this->features()) : 0;
  }

  void forward(cpu::Run<T>&, const cpu::Chunk&) const override {}

  void finish_forward(cpu::Run<T>& run) const override {
    if (!run.mode().training) return;
    StepMemory<T> m = this->memory(run, this->node_.index);
    const bool alone = run.ranks == nullptr;
    parallel_for(run.window_steps(), [&](std::int64_t step, int) {
      find_moments(run, m, step);
      if (alone) set_statistics(run, m, step);
    });
    if (!alone) {
      run.ranks->join_moments(run.window_steps(), this->features(), m.counts, m.sums, m.products);
      parallel_for(run.window_steps(), [&](std::int64_t step, int) { set_statistics(run, m, step); });
    }
    if (run.again) return;
    for (std::int64_t step = 0; step < run.window_steps(); ++step) follow(run, m, step);
  }

  void backward(cpu::Run<T>& run, const cpu::Chunk& chunk) const override {
    const T* dy = run.gradient(this->node_.outputs[0], chunk);
    const T* x = run.value(this->node_.inputs[0], chunk);
    T* dx = run.gradient(this->node_.inputs[0], chunk);
    const std::int64_t features = this->features();
    if (!run.mode().training) return fixed_gradient(run, chunk, dy, dx);
    const StepMemory<T> m = this->memory(run, this->node_.index);
    const std::int64_t at = (chunk.first_step - run.window_first_step()) * features;
    for (std::int64_t s = 0; s < chunk.samples; ++s) {
      const std::int64_t first = s * chunk.steps * features, valid = chunk.valid_steps(s) * features;
      this->kernels_.norm_gradient({1, 1, valid, nullptr}, dy + first, x + first, m.mean + at,
                                   m.dy_factor + at, m.x_factor + at, m.constant + at, dx + first);
      std::fill(dx + first + valid, dx + first + chunk.steps * features, T(0));
    }
  }

 private:
  // Leaves the mean in `sums` and the squared deviations from it in `products`.
  void find_moments(cpu::Run<T>& run, StepMemory<T>& m, std::int64_t window_step) const {
    const std::int64_t features = this->features(), at = window_step * features;
    const std::int64_t step = run.window_first_step() + window_step;
    double *sums = m.sums + at, *squares = m.products + at;
    std::fill_n(sums, features, 0.0);
    std::fill_n(squares, features, 0.0);
    double count = 0.0;
    T* shift = m.mean + at;  // the first sample's row keeps the sums small
    this->for_samples(run, step, [&](const cpu::Chunk& chunk) {
      const T* x = run.value(this->node_.inputs[0], chunk);
      if (count == 0.0) std::copy_n(x, features, shift);
      this->kernels_.norm_statistics({1, 1, features, nullptr}, x, shift, sums, squares);
      count += 1.0;
    });
    m.counts[window_step] = count;
    for (std::int64_t f = 0; f < features; ++f) {
      const double n = std::max(1.0, count);
      squares[f] -= sums[f] * sums[f] / n;
      sums[f] = count == 0.0 ? 0.0 : static_cast<double>(shift[f]) + sums[f] / n;
    }
  }

  void set_statistics(cpu::Run<T>& run, StepMemory<T>& m, std::int64_t window_step) const {
    const std::int64_t features = this->features(), at = window_step * features;
    double *means = m.sums + at, *squares = m.products + at;
    const double n = std::max(1.0, m.counts[window_step]);
    const T* weight = run.parameter(this->node_.parameters[0]);
    const T* bias = run.parameter(this->node_.parameters[1]);
    for (std::int64_t f = 0; f < features; ++f) {
      const double mean = means[f], variance = std::max(0.0, squares[f] / n);
      const double inverse = 1.0 / std::sqrt(variance + this->spec_.epsilon);
      const double scale = static_cast<double>(weight[f]) * inverse;
      m.mean[at + f] = static_cast<T>(mean);
      m.inverse[at + f] = static_cast<T>(inverse);
      m.dy_factor[at + f] = static_cast<T>(scale);
      // Without variance x is the mean, and y the bias: not what rounding leaves of scale x - scale mean.
      const bool constant = squares[f] == 0.0;
      m.scale[at + f] = constant ? T(0) : static_cast<T>(scale);
      m.offset[at + f] = constant ? bias[f] : static_cast<T>(static_cast<double>(bias[f]) - mean * scale);
      squares[f] = variance;  // for the running statistics
    }
  }

  // Several steps may share one row of the running statistics: in order, on one thread.
  void follow(cpu::Run<T>& run, const StepMemory<T>& m, std::int64_t window_step) const {
    const double count = m.counts[window_step];
    if (count == 0.0) return;
    const std::int64_t features = this->features(), at = window_step * features;
    const std::int64_t row = this->running_row(run, run.window_first_step() + window_step);
    T* running_mean = run.buffer(this->node_.buffers[0]) + row;
    T* running_variance = run.buffer(this->node_.buffers[1]) + row;
    const double unbiased = count > 1.0 ? count / (count - 1.0) : 1.0, momentum = this->spec_.momentum;
    for (std::int64_t f = 0; f < features; ++f) {
      running_mean[f] += static_cast<T>(momentum * (m.sums[at + f] - static_cast<double>(running_mean[f])));
      running_variance[f] += static_cast<T>(
          momentum * (m.products[at + f] * unbiased - static_cast<double>(running_variance[f])));
    }
  }

  // dx = dy weight r with running statistics.
  void fixed_gradient(cpu::Run<T>& run, const cpu::Chunk& chunk, const T* dy, T* dx) const {
    const std::int64_t features = this->features();
    const T* weight = run.parameter(this->node_.parameters[0]);
    const T* variances = run.buffer(this->node_.buffers[1]);
    const T epsilon = static_cast<T>(this->spec_.epsilon);
    for (std::int64_t s = 0; s < chunk.samples; ++s) {
      for (std::int64_t t = 0; t < chunk.steps; ++t, dy += features, dx += features) {
        const T* variance = variances + this->running_row(run, chunk.first_step + t);
        const T real = t < chunk.valid_steps(s) ? T(1) : T(0);
        for (std::int64_t f = 0; f < features; ++f)
          dx[f] = real * dy[f] * weight[f] / std::sqrt(variance[f] + epsilon);
      }
    }
  }
};

template <class T>
class StepApply : public StepNorm<T> {
 public:
  using StepNorm<T>::StepNorm;

  void forward(cpu::Run<T>& run, const cpu::Chunk& chunk) const override {
    const T* x = run.value(this->node_.inputs[0], chunk);
    T* y = run.value(this->node_.outputs[0], chunk);
    const std::int64_t features = this->features();
    if (!run.mode().training) return apply_running(run, chunk, x, y);
    const StepMemory<T> m = this->memory(run, statistics());
    const std::int64_t at = (chunk.first_step - run.window_first_step()) * features;
    for (std::int64_t s = 0; s < chunk.samples; ++s) {
      const std::int64_t first = s * chunk.steps * features;
      this->kernels_.scale_offset(1, chunk.steps * features, x + first, m.scale + at, m.offset + at,
                                  y + first);
    }
  }

  // In training the sums are taken behind the barrier; with fixed statistics here.
  void backward(cpu::Run<T>& run, const cpu::Chunk& chunk) const override {
    if (run.mode().training) return;
    const std::int64_t features = this->features();
    const T* dy = run.gradient(this->node_.outputs[0], chunk);
    const T* x = run.value(this->node_.inputs[0], chunk);
    const T epsilon = static_cast<T>(this->spec_.epsilon);
    double* dweight = run.vector_gradient(this->node_.parameters[0], chunk.lane);
    double* dbias = run.vector_gradient(this->node_.parameters[1], chunk.lane);
    for (std::int64_t s = 0; s < chunk.samples; ++s) {
      for (std::int64_t t = 0; t < chunk.valid_steps(s); ++t) {
        const std::int64_t row = (s * chunk.steps + t) * features;
        const std::int64_t running = this->running_row(run, chunk.first_step + t);
        const T* mean = run.buffer(this->node_.buffers[0]) + running;
        const T* variance = run.buffer(this->node_.buffers[1]) + running;
        for (std::int64_t f = 0; f < features; ++f) {
          const T normal = (x[row + f] - mean[f]) / std::sqrt(variance[f] + epsilon);
          dweight[f] += static_cast<double>(dy[row + f] * normal);
          dbias[f] += static_cast<double>(dy[row + f]);
        }
      }
    }
  }

  void finish_backward(cpu::Run<T>& run) const override {
    if (!run.mode().training) return;
    StepMemory<T> m = this->memory(run, statistics());
    const bool alone = run.ranks == nullptr;
    parallel_for(run.window_steps(), [&](std::int64_t step, int) {
      add_gradients(run, m, step);
      if (alone) find_factors(m, step);
    });
    double* dweight = run.vector_gradient(this->node_.parameters[0], 0);
    double* dbias = run.vector_gradient(this->node_.parameters[1], 0);
    const std::int64_t features = this->features();
    for (std::int64_t step = run.window_steps() - 1; step >= 0;
         --step) {  // in the order that windows come in, too
      for (std::int64_t f = 0; f < features; ++f) {
        dbias[f] += m.sums[step * features + f];
        dweight[f] += m.products[step * features + f] * static_cast<double>(m.inverse[step * features + f]);
      }
    }
    if (alone) return;
    run.ranks->sum(m.sums, 2 * run.window_steps() * features);
    for (std::int64_t step = 0; step < run.window_steps(); ++step) find_factors(m, step);
  }

 private:
  int statistics() const { return this->node_.index - 1; }

  void apply_running(cpu::Run<T>& run, const cpu::Chunk& chunk, const T* x, T* y) const {
    const std::int64_t features = this->features();
    const T* weight = run.parameter(this->node_.parameters[0]);
    const T* bias = run.parameter(this->node_.parameters[1]);
    const T epsilon = static_cast<T>(this->spec_.epsilon);
    for (std::int64_t s = 0; s < chunk.samples; ++s) {
      for (std::int64_t t = 0; t < chunk.steps; ++t, x += features, y += features) {
        const std::int64_t running = this->running_row(run, chunk.first_step + t);
        const T* mean = run.buffer(this->node_.buffers[0]) + running;
        const T* variance = run.buffer(this->node_.buffers[1]) + running;
        for (std::int64_t f = 0; f < features; ++f) {
          y[f] = (x[f] - mean[f]) / std::sqrt(variance[f] + epsilon) * weight[f] + bias[f];
        }
      }
    }
  }

  void add_gradients(cpu::Run<T>& run, StepMemory<T>& m, std::int64_t window_step) const {
    const std::int64_t features = this->features(), at = window_step * features;
    double *sum_dy = m.sums + at, *sum_dy_x = m.products + at;
    std::fill_n(sum_dy, features, 0.0);
    std::fill_n(sum_dy_x, features, 0.0);
    this->for_samples(run, run.window_first_step() + window_step, [&](const cpu::Chunk& chunk) {
      this->kernels_.norm_gradient_sums(
          {1, 1, features, nullptr}, run.gradient(this->node_.outputs[0], chunk),
          run.value(this->node_.inputs[0], chunk), m.mean + at, sum_dy, sum_dy_x);
    });
  }

  void find_factors(StepMemory<T>& m, std::int64_t window_step) const {
    const std::int64_t features = this->features(), at = window_step * features;
    const double *sum_dy = m.sums + at, *sum_dy_x = m.products + at;
    const double count = std::max(1.0, m.counts[window_step]);
    for (std::int64_t f = 0; f < features; ++f) {
      const double scale = static_cast<double>(m.dy_factor[at + f]),
                   inverse = static_cast<double>(m.inverse[at + f]);
      m.x_factor[at + f] = static_cast<T>(-scale * inverse * inverse * sum_dy_x[f] / count);
      m.constant[at + f] = static_cast<T>(-scale * sum_dy[f] / count);
    }
  }
};

}  // namespace

LayerEntry batch_norm_step_nodes() {
  return only_nodes(
      {cpu_node<StepStatistics>("BatchNormStep.statistics"), cpu_node<StepApply>("BatchNormStep.apply")});
}

}  // namespace indrnn
