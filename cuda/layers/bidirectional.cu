// reverse(x)_t = x_{length - 1 - t} for t < length, zero past it. Its gradient is the same reversal.
#include <vector>

#include "device/walk.cuh"
#include "executor/runner.hpp"

namespace indrnn::cuda {
namespace {

template <class S>
struct TurnRound {
  using T = Compute<S>;
  const S* from;
  S* to;
  Rows rows;
  __device__ void operator()(std::int64_t column, std::int64_t first, std::int64_t end) const {
    const std::int64_t valid = valid_steps(rows, column / rows.features), stride = rows.columns();
#pragma unroll 4
    for (std::int64_t t = first; t < end; ++t)
      store(to + t * stride + column, t < valid ? load(from + (valid - 1 - t) * stride + column) : T(0));
  }
};

// All of the sequence must be there before its end can be read; on the device it is.
template <class S>
class Collect : public Runner<S> {
 public:
  using Runner<S>::Runner;
  void forward(Run<S>&) const override {}
  void backward(Run<S>&) const override {}
};

template <class S>
class Turn : public Runner<S> {
 public:
  using Runner<S>::Runner;

  void forward(Run<S>& run) const override {
    launch_walk("reverse_forward", run.stream, run.rows(this->node_.inputs[0]),
                TurnRound<S>{run.value(this->node_.inputs[0]), run.value(this->node_.outputs[0]),
                             run.rows(this->node_.inputs[0])});
  }
  void backward(Run<S>& run) const override {
    launch_walk("reverse_backward", run.stream, run.rows(this->node_.inputs[0]),
                TurnRound<S>{run.gradient(this->node_.outputs[0]), run.gradient(this->node_.inputs[0]),
                             run.rows(this->node_.inputs[0])});
  }
};

}  // namespace

std::vector<CudaNode> bidirectional_nodes() {
  return {cuda_node<Collect>("Reverse.collect"), cuda_node<Turn>("Reverse.turn")};
}

}  // namespace indrnn::cuda
