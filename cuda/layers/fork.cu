// Fork: one value read twice; dx = dy_1 + dy_2.   Join: y = [a, b], features side by side.
#include <vector>

#include "device/add.cuh"
#include "device/load_ahead.cuh"
#include "executor/runner.hpp"

namespace indrnn::cuda {
namespace {

template <class S>
class Fork : public Runner<S> {
 public:
  using Runner<S>::Runner;

  void forward(Run<S>&) const override {}

  void backward(Run<S>& run) const override {
    const Rows rows = run.rows(this->node_.inputs[0]);
    launch_walk("fork_backward", run.stream, rows,
                Add<S>{run.gradient(this->node_.outputs[0]), run.gradient(this->node_.outputs[1]),
                       run.gradient(this->node_.inputs[0]), rows.columns()});
  }
};

// Columns of the joined rows; `offset` is the first of the part's features among them.
template <class S>
struct JoinPart {
  const S* from;  // [steps, B, F] or, the other way round, [steps, B, width]
  S* to;
  std::int64_t batch, features, width, offset;
  bool split;
  __device__ void operator()(std::int64_t column, std::int64_t first, std::int64_t end) const {
    const std::int64_t sample = column / features, feature = column - sample * features;
    const std::int64_t wide = sample * width + offset + feature;
    const std::int64_t part_stride = batch * features, whole_stride = batch * width;
    const S* read = from + (split ? wide : column);
    S* write = to + (split ? column : wide);
    const std::int64_t read_stride = split ? whole_stride : part_stride;
    const std::int64_t write_stride = split ? part_stride : whole_stride;
    load_ahead<steps_ahead>(
        first, end, 1, [&](std::int64_t t) { return load<S>(read + t * read_stride); },
        [&](std::int64_t t, S value) { store<S>(write + t * write_stride, value); });
  }
};

template <class S>
class Join : public Runner<S> {
 public:
  using Runner<S>::Runner;

  void forward(Run<S>& run) const override {
    for_parts(run, [&](int input, JoinPart<S> part) {
      part.from = run.value(input);
      part.to = run.value(this->node_.outputs[0]);
      launch_walk("join_forward", run.stream, run.rows(input), part);
    });
  }

  void backward(Run<S>& run) const override {
    for_parts(run, [&](int input, JoinPart<S> part) {
      part.from = run.gradient(this->node_.outputs[0]);
      part.to = run.gradient(input);
      part.split = true;
      launch_walk("join_backward", run.stream, run.rows(input), part);
    });
  }

 private:
  template <class Use>
  void for_parts(const Run<S>& run, const Use& use) const {
    std::int64_t offset = 0;
    for (int input : this->node_.inputs) {
      const Rows rows = run.rows(input);
      use(input, JoinPart<S>{nullptr, nullptr, rows.batch, rows.features, this->output_value().features,
                             offset, false});
      offset += rows.features;
    }
  }
};

}  // namespace

std::vector<CudaNode> fork_nodes() { return {cuda_node<Fork>("Fork"), cuda_node<Join>("Join")}; }

}  // namespace indrnn::cuda
