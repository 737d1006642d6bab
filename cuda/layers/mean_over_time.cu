// [T, B, F] -> [B, F]: y = sum of the real steps / length;  dx_t = dy / length.
#include <vector>

#include "device/walk.cuh"
#include "executor/runner.hpp"

namespace indrnn::cuda {
namespace {

// Steps of the whole sequence, not of the window alone.
__device__ inline double whole_length(const Rows& rows, std::int64_t time_steps, std::int64_t sample) {
  return static_cast<double>(rows.lengths == nullptr ? time_steps : load_constant(rows.lengths + sample));
}

template <class S>
struct AddMean {
  using T = Compute<S>;
  const S* x;  // [steps, B, F]
  S* y;        // [B, F]
  T* mean;     // [B, F] of the windows so far, or nullptr: there is one window
  Rows rows;
  std::int64_t time_steps;
  __device__ void operator()(std::int64_t column) const {
    const std::int64_t sample = column / rows.features, stride = rows.columns();
    const std::int64_t valid = valid_steps(rows, sample);
    double sum = 0.0;
#pragma unroll 8
    for (std::int64_t t = 0; t < valid; ++t) sum += static_cast<double>(load(x + t * stride + column));
    T now = rows.first_step == 0 ? T(0) : load(mean + column);
    if (valid > 0) now += static_cast<T>(sum / whole_length(rows, time_steps, sample));
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
    return {.common = sizes.windows > 1 ? static_cast<std::size_t>(columns) * sizeof(T) : 0};
  }

  void forward(Run<S>& run) const override {
    const Rows rows = run.rows(this->node_.inputs[0]);
    launch_columns(
        "mean_over_time_forward", run.stream, rows.columns(),
        AddMean<S>{run.value(this->node_.inputs[0]), run.value(this->node_.outputs[0]),
                   run.plan->sizes.windows > 1 ? run.template node_common<T>(this->node_.index) : nullptr,
                   rows, run.plan->sizes.time_steps});
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
