// y = (x - mean) / sqrt(variance + epsilon) * weight + bias, statistics over all real steps of all samples.
//   dx = weight * r * (dy - mean(dy) - (x - mean) r^2 mean(dy (x - mean))),  r = 1 / sqrt(variance + epsilon)
//   dweight = sum dy (x - mean) r;  dbias = sum dy
// (Ioffe & Szegedy 2015.) Two nodes with a barrier between them in training: the first gathers the statistics while a
// chunk is hot in the cache, the second applies them; backward the other way round. Behind the barrier ranks of a
// data-parallel training join what each has found.
#include <algorithm>
#include <cmath>

#include "backend/cpu/kernels/kernels.hpp"
#include "core/check.hpp"
#include "layers/initializers.hpp"
#include "layers/layer.hpp"

namespace indrnn {
namespace {

int lower(GraphBuilder& builder, const nn::LayerSpec& generic, int input, const std::string& path) {
  const auto spec = read_spec<nn::BatchNorm>(generic, path);
  const bool by_step = spec.mode == "step";
  if (!by_step && spec.mode != "sequence") {
    throw_field_error(path, generic.type, "mode must be one of sequence, step; got '" + spec.mode + "'");
  }
  if (by_step) read_sequence(builder, input, path, generic.type, " in mode 'step'");
  if (by_step) check_size(spec.time_steps, "time_steps", path, generic.type);
  if (!(spec.momentum >= 0.0 && spec.momentum <= 1.0)) {
    throw_field_error(path, generic.type, "momentum must be between 0 and 1, got " + to_text(spec.momentum));
  }
  if (!(spec.epsilon > 0.0 && std::isfinite(spec.epsilon))) {
    throw_field_error(path, generic.type, "epsilon must be above 0, got " + to_text(spec.epsilon));
  }
  const Value from = builder.value(input);
  const std::int64_t features = from.features;

  const Shape running = by_step ? Shape{4 * spec.time_steps + 1, features} : Shape{features};
  Node statistics{
      .type = by_step ? "BatchNormStep.statistics" : "BatchNorm.statistics", .path = path, .spec = generic};
  const int gathered = builder.add_value({.features = features, .sequence = from.sequence});
  statistics.inputs = {input};
  statistics.outputs = {gathered};
  statistics.parameters = {builder.add_parameter(path + ".weight", {features},
                                                 {Fill::uniform, spec.init_weight, spec.init_weight}),
                           builder.add_parameter(path + ".bias", {features}, {Fill::zeros})};
  statistics.buffers = {builder.add_buffer(path + ".running_mean", running, 0.0),
                        builder.add_buffer(path + ".running_var", running, 1.0)};
  statistics.transparent_forward = true;
  statistics.backward_in_place = true;
  statistics.backward_reads_input = true;
  statistics.barrier = Barrier::in_training;
  statistics.barrier_spans_time = !by_step;

  Node apply = statistics;
  apply.type = by_step ? "BatchNormStep.apply" : "BatchNorm.apply";
  apply.inputs = {gathered};
  apply.outputs = {builder.add_value({.features = features, .sequence = from.sequence})};
  apply.transparent_forward = apply.backward_in_place = false;
  apply.transparent_backward = true;
  apply.forward_in_place = true;
  apply.cheap = true;
  apply.barrier = Barrier::none;
  const int output = apply.outputs[0];
  builder.add_node(std::move(statistics));
  builder.add_node(std::move(apply));
  return output;
}

// What the two nodes share, in the memory of the first.
template <class T>
struct NormMemory {
  std::int64_t features, lanes;
  double* counts;                      // [lanes] valid rows
  double *sums, *squares;              // [lanes, F] of x - shift; backward: of dy and dy (x - mean)
  double* total;                       // [1] valid rows of all ranks; 0: the statistics are fixed
  double *means, *deviations;          // [F] behind `total`: what ranks sum; backward: dy and dy (x - mean)
  double* inverse;                     // [F] r
  T* shifts;                           // [lanes, F] the first row of the lane: sums stay small
  T *mean, *scale, *offset;            // [F] y = scale x + offset
  T *dy_factor, *x_factor, *constant;  // [F] dx = dy_factor dy + x_factor (x - mean) + constant

  static std::size_t bytes(std::int64_t features, std::int64_t lanes) {
    const auto doubles = static_cast<std::size_t>(lanes + 2 * lanes * features + 1 + 3 * features);
    return doubles * sizeof(double) + static_cast<std::size_t>((lanes + 6) * features) * sizeof(T);
  }

  NormMemory(std::int64_t features_, std::int64_t lanes_, double* memory)
      : features(features_), lanes(lanes_) {
    counts = memory;
    sums = counts + lanes;
    squares = sums + lanes * features;
    total = squares + lanes * features;
    means = total + 1;
    deviations = means + features;
    inverse = deviations + features;
    shifts = reinterpret_cast<T*>(inverse + features);
    mean = shifts + lanes * features;
    scale = mean + features;
    offset = scale + features;
    dy_factor = offset + features;
    x_factor = dy_factor + features;
    constant = x_factor + features;
  }

  void clear_sums() {
    std::fill_n(counts, lanes, 0.0);
    std::fill_n(sums, 2 * lanes * features, 0.0);  // and squares
    *total = 0.0;
  }
};

// Of one feature: rows, their mean, and squared deviations from it.
struct Moments {
  double count = 0.0, mean = 0.0, squares = 0.0;
};

template <class T>
class BatchNorm : public cpu::Runner<T> {
 public:
  BatchNorm(const Graph& graph, const Node& node)
      : cpu::Runner<T>(graph, node), spec_(read_spec<nn::BatchNorm>(node.spec, node.path)) {}

 protected:
  std::int64_t features() const { return this->input_value().features; }
  NormMemory<T> memory(cpu::Run<T>& run, int statistics_node) const {
    return {features(), run.geometry().lanes, run.template node_memory<double>(statistics_node)};
  }
  cpu::Rows rows(const cpu::Chunk& chunk) const {
    return {chunk.samples, chunk.steps, features(), chunk.valid};
  }

  // From mean and variance of one feature to what the passes need.
  void set_feature(cpu::Run<T>& run, NormMemory<T>& m, std::int64_t f, double mean, double variance) const {
    const double inverse = 1.0 / std::sqrt(variance + spec_.epsilon);
    const double scale = static_cast<double>(run.parameter(this->node_.parameters[0])[f]) * inverse;
    m.inverse[f] = inverse;
    m.mean[f] = static_cast<T>(mean);
    m.scale[f] = static_cast<T>(scale);
    m.offset[f] =
        static_cast<T>(static_cast<double>(run.parameter(this->node_.parameters[1])[f]) - mean * scale);
    m.dy_factor[f] = static_cast<T>(scale);  // of fixed statistics; finish_backward replaces it in training
    m.x_factor[f] = m.constant[f] = T(0);
  }

  nn::BatchNorm spec_;
  const cpu::Kernels<T>& kernels_ = cpu::kernels<T>();
};

template <class T>
class Statistics : public BatchNorm<T> {
 public:
  using BatchNorm<T>::BatchNorm;

  std::size_t memory_bytes(const Geometry& geometry, std::int64_t, Mode) const override {
    return NormMemory<T>::bytes(this->features(), geometry.lanes);
  }

  void start_forward(cpu::Run<T>& run) const override {
    NormMemory<T> m = this->memory(run, this->node_.index);
    m.clear_sums();
    if (!run.mode().training) use_running(run, m);
  }

  void forward(cpu::Run<T>& run, const cpu::Chunk& chunk) const override {
    if (!run.mode().training || chunk.backward_pass) return;
    NormMemory<T> m = this->memory(run, this->node_.index);
    const T* x = run.value(this->node_.inputs[0], chunk);
    const std::int64_t at = chunk.lane * m.features;
    double& count = m.counts[chunk.lane];
    if (count == 0.0 && !take_shift(chunk, x, m)) return;
    for (std::int64_t s = 0; s < chunk.samples; ++s) count += static_cast<double>(chunk.valid_steps(s));
    this->kernels_.norm_statistics(this->rows(chunk), x, m.shifts + at, m.sums + at, m.squares + at);
  }

  void finish_forward(cpu::Run<T>& run) const override {
    if (!run.mode().training) return;
    NormMemory<T> m = this->memory(run, this->node_.index);
    for (std::int64_t lane = 0; lane < m.lanes; ++lane) *m.total += m.counts[lane];
    for (std::int64_t f = 0; f < m.features; ++f) {
      const Moments moments = join_lanes(m, f);
      m.means[f] = moments.mean;
      m.deviations[f] = moments.squares;
    }
    if (run.ranks != nullptr) run.ranks->join_moments(1, m.features, m.total, m.means, m.deviations);
    const double count = *m.total;
    if (count == 0.0) return use_running(run, m);
    T* running_mean = run.buffer(this->node_.buffers[0]);
    T* running_variance = run.buffer(this->node_.buffers[1]);
    for (std::int64_t f = 0; f < m.features; ++f) {
      const double mean = m.means[f], squares = m.deviations[f];
      const double variance = std::max(0.0, squares / count);
      const double unbiased = count > 1.0 ? squares / (count - 1.0) : variance;
      this->set_feature(run, m, f, mean, variance);
      // Without variance x is the mean, and y the bias: not what rounding leaves of scale x - scale mean.
      if (squares == 0.0) {
        m.scale[f] = T(0);
        m.offset[f] = run.parameter(this->node_.parameters[1])[f];
      }
      running_mean[f] += static_cast<T>(this->spec_.momentum * (mean - static_cast<double>(running_mean[f])));
      running_variance[f] +=
          static_cast<T>(this->spec_.momentum * (unbiased - static_cast<double>(running_variance[f])));
    }
    std::fill_n(m.sums, 2 * m.lanes * m.features, 0.0);  // backward sums into them
  }

  void backward(cpu::Run<T>& run, const cpu::Chunk& chunk) const override {
    NormMemory<T> m = this->memory(run, this->node_.index);
    this->kernels_.norm_gradient(this->rows(chunk), run.gradient(this->node_.outputs[0], chunk),
                                 run.value(this->node_.inputs[0], chunk), m.mean, m.dy_factor, m.x_factor,
                                 m.constant, run.gradient(this->node_.inputs[0], chunk));
  }

 private:
  // Means and sums of squares, in the order of the lanes (Chan, Golub & LeVeque 1979).
  static Moments join_lanes(const NormMemory<T>& m, std::int64_t f) {
    Moments joined;
    for (std::int64_t lane = 0; lane < m.lanes; ++lane) {
      const double n = m.counts[lane];
      if (n == 0.0) continue;
      const double sum = m.sums[lane * m.features + f];
      const double lane_mean = static_cast<double>(m.shifts[lane * m.features + f]) + sum / n;
      const double difference = lane_mean - joined.mean, count = joined.count;
      joined.squares += m.squares[lane * m.features + f] - sum * sum / n +
                        difference * difference * count * n / (count + n);
      joined.mean = count == 0.0 ? lane_mean : joined.mean + difference * n / (count + n);
      joined.count += n;
    }
    return joined;
  }

  void use_running(cpu::Run<T>& run, NormMemory<T>& m) const {
    const T* mean = run.buffer(this->node_.buffers[0]);
    const T* variance = run.buffer(this->node_.buffers[1]);
    for (std::int64_t f = 0; f < m.features; ++f) {
      this->set_feature(run, m, f, static_cast<double>(mean[f]), static_cast<double>(variance[f]));
    }
  }

  // The first valid row the lane meets; false if this chunk has none.
  bool take_shift(const cpu::Chunk& chunk, const T* x, NormMemory<T>& m) const {
    for (std::int64_t s = 0; s < chunk.samples; ++s) {
      if (chunk.valid_steps(s) == 0) continue;
      std::copy_n(x + s * chunk.steps * m.features, m.features, m.shifts + chunk.lane * m.features);
      return true;
    }
    return false;
  }
};

template <class T>
class Apply : public BatchNorm<T> {
 public:
  using BatchNorm<T>::BatchNorm;

  void forward(cpu::Run<T>& run, const cpu::Chunk& chunk) const override {
    const NormMemory<T> m = this->memory(run, statistics());
    this->kernels_.scale_offset(chunk.rows(), m.features, run.value(this->node_.inputs[0], chunk), m.scale,
                                m.offset, run.value(this->node_.outputs[0], chunk));
  }

  void backward(cpu::Run<T>& run, const cpu::Chunk& chunk) const override {
    NormMemory<T> m = this->memory(run, statistics());
    const std::int64_t at = chunk.lane * m.features;
    this->kernels_.norm_gradient_sums(this->rows(chunk), run.gradient(this->node_.outputs[0], chunk),
                                      run.value(this->node_.inputs[0], chunk), m.mean, m.sums + at,
                                      m.squares + at);
  }

  void finish_backward(cpu::Run<T>& run) const override {
    NormMemory<T> m = this->memory(run, statistics());
    const T* weight = run.parameter(this->node_.parameters[0]);
    double* weight_gradient = run.vector_gradient(this->node_.parameters[0], 0);
    double* bias_gradient = run.vector_gradient(this->node_.parameters[1], 0);
    double *sums_dy = m.means, *sums_dy_x = m.deviations;
    for (std::int64_t f = 0; f < m.features; ++f) {
      double sum_dy = 0.0, sum_dy_x = 0.0;
      for (std::int64_t lane = 0; lane < m.lanes; ++lane) {
        sum_dy += m.sums[lane * m.features + f];
        sum_dy_x += m.squares[lane * m.features + f];
      }
      bias_gradient[f] += sum_dy;
      weight_gradient[f] += sum_dy_x * m.inverse[f];
      sums_dy[f] = sum_dy;
      sums_dy_x[f] = sum_dy_x;
    }
    if (run.ranks != nullptr) run.ranks->sum(sums_dy, 2 * m.features);
    const double count = *m.total;
    if (count == 0.0) return;  // fixed statistics: set_feature has the factors
    for (std::int64_t f = 0; f < m.features; ++f) {
      const double scale = static_cast<double>(weight[f]) * m.inverse[f];
      m.x_factor[f] = static_cast<T>(-scale * m.inverse[f] * m.inverse[f] * sums_dy_x[f] / count);
      m.constant[f] = static_cast<T>(-scale * sums_dy[f] / count);
    }
  }

 private:
  int statistics() const { return this->node_.index - 1; }
};

}  // namespace

LayerEntry batch_norm_layer() {
  return layer<nn::BatchNorm>(
      lower, {cpu_node<Statistics>("BatchNorm.statistics"), cpu_node<Apply>("BatchNorm.apply")});
}

}  // namespace indrnn
