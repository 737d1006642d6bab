// y_t = x_t - x_{t-1}, zero where no step lies before.   dx_t = dy_t - dy_{t+1}, each where the difference was taken.
// The state is x_{t-1} and, in one more column, 1 once there is a step before.
#include <vector>

#include "device/load_ahead.cuh"
#include "device/walk.cuh"
#include "executor/runner.hpp"

namespace indrnn::cuda {
namespace {

struct Taken {
  Rows rows;
  const std::uint8_t* resets;  // [steps, B] or nullptr
  template <class T>
  __device__ bool at(const T* state, std::int64_t sample, std::int64_t t) const {
    return reset(sample, t) == 0 && (t > 0 || begun(state, sample));
  }
  __device__ std::uint8_t reset(std::int64_t sample, std::int64_t t) const {
    return resets == nullptr ? std::uint8_t{0} : load_constant(resets + t * rows.batch + sample);
  }
  // Whether there was a step before the window.
  template <class T>
  __device__ bool begun(const T* state, std::int64_t sample) const {
    return load(state + sample * (rows.features + 1) + rows.features) > T(0);
  }
};

template <class S>
struct Difference {
  using T = Compute<S>;
  const S* x;
  S* y;
  const T* before;  // [B, F + 1]
  Taken taken;
  __device__ void operator()(std::int64_t column, std::int64_t first, std::int64_t end) const {
    const Rows& rows = taken.rows;
    const std::int64_t sample = column / rows.features, stride = rows.columns();
    const std::int64_t valid = valid_steps(rows, sample);
    if (first >= end) return;
    T previous = first > 0 ? load(x + (first - 1) * stride + column)
                           : load(before + column + sample);  // a row of the state is one wider
    for (std::int64_t t = first; t < end; ++t) {
      const T now = load(x + t * stride + column);
      store(y + t * stride + column, t < valid && taken.at(before, sample, t) ? now - previous : T(0));
      previous = now;
    }
  }
};

// The state behind the window, by columns of the state [B, F + 1].
template <class S>
struct KeepLast {
  using T = Compute<S>;
  const S* x;
  const T* before;
  T* behind;
  Rows rows;
  __device__ void operator()(std::int64_t column) const {
    const std::int64_t width = rows.features + 1, sample = column / width, feature = column - sample * width;
    const std::int64_t valid = valid_steps(rows, sample);
    T last = load(before + column);
    if (valid > 0) {
      last = feature == rows.features
                 ? T(1)
                 : load(x + (valid - 1) * rows.columns() + sample * rows.features + feature);
    }
    store(behind + column, last);
  }
};

// dx may lie over dy: a column is walked from its end.
template <class S>
struct DifferenceGradient {
  using T = Compute<S>;
  const S* dy;
  S* dx;
  const T* before;
  T* state_gradient;  // [B, F + 1] in: what reaches the last real x from later; out: what reaches the state before
  Taken taken;
  __device__ void operator()(std::int64_t column) const {
    const Rows& rows = taken.rows;
    const std::int64_t sample = column / rows.features, stride = rows.columns();
    const std::int64_t valid = valid_steps(rows, sample);
    for (std::int64_t t = valid; t < rows.steps; ++t) store(dx + t * stride + column, T(0));
    if (valid == 0) return;
    struct Step {
      S dy;
      std::uint8_t reset;
    };
    const bool begun = taken.begun(before, sample);
    T later = load(state_gradient + column + sample);
    // Counted from the end: `back` 0 is the last real step.
    load_ahead<16>(
        0, valid, 1,
        [&](std::int64_t back) -> Step {
          const std::int64_t t = valid - 1 - back;
          return {load<S>(dy + t * stride + column), taken.reset(sample, t)};
        },
        [&](std::int64_t back, const Step& step) {
          const std::int64_t t = valid - 1 - back;
          const T gradient = step.reset == 0 && (t > 0 || begun) ? widen(step.dy) : T(0);
          store(dx + t * stride + column, gradient + later);
          later = -gradient;
        });
    store(state_gradient + column + sample, later);
    if (column - sample * rows.features == 0) {
      store(state_gradient + sample * (rows.features + 1) + rows.features, T(0));
    }
  }
};

template <class S>
class TimeDifference : public Runner<S> {
  using T = Compute<S>;

 public:
  using Runner<S>::Runner;

  void forward(Run<S>& run) const override {
    const Rows rows = run.rows(this->node_.inputs[0]);
    const S* x = run.value(this->node_.inputs[0]);
    const T* before = run.state_before(this->node_.state);
    launch_walk("time_difference_forward", run.stream, rows,
                Difference<S>{x, run.value(this->node_.outputs[0]), before, {rows, run.window_resets()}});
    launch_columns("time_difference_state", run.stream, rows.batch * (rows.features + 1),
                   KeepLast<S>{x, before, run.state_behind(this->node_.state), rows});
  }

  void backward(Run<S>& run) const override {
    const Rows rows = run.rows(this->node_.inputs[0]);
    launch_columns("time_difference_backward", run.stream, rows.columns(),
                   DifferenceGradient<S>{run.gradient(this->node_.outputs[0]),
                                         run.gradient(this->node_.inputs[0]),
                                         run.state_before(this->node_.state),
                                         run.state_gradient(this->node_.state),
                                         {rows, run.window_resets()}});
  }
};

}  // namespace

std::vector<CudaNode> time_difference_nodes() { return {cuda_node<TimeDifference>("TimeDifference")}; }

}  // namespace indrnn::cuda
