// [T, B, F] -> [B, F]: y = sum of the real steps / length;  dx_t = dy / length.
#include <vector>

#include "device/column_sums.cuh"
#include "device/ragged.cuh"
#include "device/walk.cuh"
#include "executor/runner.hpp"

namespace indrnn::cuda {
namespace {

// Steps of the whole sequence, not of the window alone.
__device__ inline double whole_length(const Rows& rows, std::int64_t time_steps, std::int64_t sample) {
  return static_cast<double>(rows.lengths == nullptr ? time_steps : load_constant(rows.lengths + sample));
}

// Sums over time are sums of columns over rows: time is cut, and joined in a fixed order (column_sums.cuh).
template <class S, bool ragged>
struct StepTerm {
  const S* x;  // [steps, B, F]
  Rows rows;
  __device__ void operator()(std::int64_t t, std::int64_t column, double* sums) const {
    const auto value = static_cast<double>(load(x + t * rows.columns() + column));
    sums[0] += is_real_step<ragged>(rows, t, column / rows.features) ? value : 0.0;
  }
};

template <class S>
struct AddMean {
  using T = Compute<S>;
  S* y;     // [B, F]
  T* mean;  // [B, F] of the windows so far, or nullptr: there is one window
  Rows rows;
  std::int64_t time_steps;
  __device__ void operator()(std::int64_t column, const double* sums) const {
    const std::int64_t sample = column / rows.features;
    T now = rows.first_step == 0 ? T(0) : load(mean + column);
    if (valid_steps(rows, sample) > 0)
      now += static_cast<T>(sums[0] / whole_length(rows, time_steps, sample));
    if (mean != nullptr) store(mean + column, now);
    store(y + column, now);
  }
};

template <class S>
struct GiveMean {
  using T = Compute<S>;
  const S* dy;  // [B, F]
  S* dx;        // [steps, B, F]
  Rows rows;
  std::int64_t time_steps;
  __device__ void operator()(std::int64_t column, std::int64_t first, std::int64_t end) const {
    const std::int64_t sample = column / rows.features;
    const std::int64_t valid = valid_steps(rows, sample);
    const T gradient =
        valid == 0 ? T(0) : load(dy + column) / static_cast<T>(whole_length(rows, time_steps, sample));
    for (std::int64_t t = first; t < end; ++t)
      store(dx + t * rows.columns() + column, t < valid ? gradient : T(0));
  }
};

template <class S>
class MeanOverTime : public Runner<S> {
  using T = Compute<S>;

 public:
  using Runner<S>::Runner;

  NodeBytes bytes(const Sizes& sizes, Mode) const override {
    const std::int64_t columns = sizes.batch * this->output_value().features;
    return {.scratch = column_sums_bytes(sizes.window_steps, columns, 1),
            .common = sizes.windows > 1 ? static_cast<std::size_t>(columns) * sizeof(T) : 0};
  }

  void forward(Run<S>& run) const override {
    const Rows rows = run.rows(this->node_.inputs[0]);
    T* mean = run.plan->sizes.windows > 1 ? run.template node_common<T>(this->node_.index) : nullptr;
    choose_ragged(rows, [&](auto ragged) {
      launch_column_sums<1, double>(
          "mean_over_time_forward", run.stream, rows.steps, rows.columns(),
          StepTerm<S, ragged>{run.value(this->node_.inputs[0]), rows},
          AddMean<S>{run.value(this->node_.outputs[0]), mean, rows, run.plan->sizes.time_steps},
          run.template scratch<double>());
    });
  }

  void backward(Run<S>& run) const override {
    const Rows rows = run.rows(this->node_.inputs[0]);
    launch_walk("mean_over_time_backward", run.stream, rows,
                GiveMean<S>{run.gradient(this->node_.outputs[0]), run.gradient(this->node_.inputs[0]), rows,
                            run.plan->sizes.time_steps});
  }
};

}  // namespace

std::vector<CudaNode> mean_over_time_nodes() { return {cuda_node<MeanOverTime>("MeanOverTime")}; }

}  // namespace indrnn::cuda
