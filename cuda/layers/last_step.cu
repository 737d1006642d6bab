// [T, B, F] -> [B, F]: the last real step of each sequence; a sequence of length 0 gives zeros.
#include <vector>

#include "device/walk.cuh"
#include "executor/runner.hpp"

namespace indrnn::cuda {
namespace {

template <class S>
struct TakeLastStep {
  using T = Compute<S>;
  const S* x;  // [steps, B, F]
  S* y;        // [B, F]
  Rows rows;
  __device__ void operator()(std::int64_t column) const {
    const std::int64_t valid = valid_steps(rows, column / rows.features);
    // A later window of the same sequence writes over an earlier one.
    if (valid > 0) {
      store(y + column, load(x + (valid - 1) * rows.columns() + column));
    } else if (rows.first_step == 0) {
      store(y + column, T(0));
    }
  }
};

template <class S>
struct GiveLastStep {
  using T = Compute<S>;
  const S* dy;  // [B, F]
  S* dx;        // [steps, B, F]
  Rows rows;
  bool last_window;
  __device__ void operator()(std::int64_t column, std::int64_t first, std::int64_t end) const {
    const std::int64_t sample = column / rows.features;
    // Counted from the window's first step; outside it for all windows but one.
    const std::int64_t last = rows.lengths != nullptr
                                  ? load_constant(rows.lengths + sample) - 1 - rows.first_step
                                  : (last_window ? rows.steps - 1 : -1);
    for (std::int64_t t = first; t < end; ++t)
      store(dx + t * rows.columns() + column, t == last ? load(dy + column) : T(0));
  }
};

template <class S>
class LastStep : public Runner<S> {
 public:
  using Runner<S>::Runner;

  void forward(Run<S>& run) const override {
    const Rows rows = run.rows(this->node_.inputs[0]);
    launch_columns(
        "last_step_forward", run.stream, rows.columns(),
        TakeLastStep<S>{run.value(this->node_.inputs[0]), run.value(this->node_.outputs[0]), rows});
  }

  void backward(Run<S>& run) const override {
    const Rows rows = run.rows(this->node_.inputs[0]);
    launch_walk("last_step_backward", run.stream, rows,
                GiveLastStep<S>{run.gradient(this->node_.outputs[0]), run.gradient(this->node_.inputs[0]),
                                rows, run.window + 1 == run.plan->sizes.windows});
  }
};

}  // namespace

std::vector<CudaNode> last_step_nodes() { return {cuda_node<LastStep>("LastStep")}; }

}  // namespace indrnn::cuda
