// y = x + layers(x);  backward hands dy to both.
#include <vector>

#include "device/add.cuh"
#include "executor/runner.hpp"

namespace indrnn::cuda {
namespace {

template <class S>
class Residual : public Runner<S> {
 public:
  using Runner<S>::Runner;

  void forward(Run<S>& run) const override {
    const Rows rows = run.rows(this->node_.inputs[0]);
    launch_walk("residual_forward", run.stream, rows,
                Add<S>{run.value(this->node_.inputs[0]), run.value(this->node_.inputs[1]),
                       run.value(this->node_.outputs[0]), rows.columns()});
  }

  // The branch has dy itself, and may write over it.
  void backward(Run<S>& run) const override {
    const Rows rows = run.rows(this->node_.inputs[1]);
    if (rows.elements() == 0) return;
    check(cudaMemcpyAsync(run.gradient(this->node_.inputs[1]), run.gradient(this->node_.outputs[0]),
                          static_cast<std::size_t>(rows.elements()) * sizeof(S), cudaMemcpyDeviceToDevice,
                          run.stream),
          "copying on the device");
  }
};

}  // namespace

std::vector<CudaNode> residual_nodes() { return {cuda_node<Residual>("Add")}; }

}  // namespace indrnn::cuda
