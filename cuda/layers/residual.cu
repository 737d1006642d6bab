// y = x + layers(x);  backward hands dy to both.
#include <vector>

#include "device/walk.cuh"
#include "executor/runner.hpp"

namespace indrnn::cuda {
namespace {

template <class T>
struct AddSkip {
  const T *branch, *skip;
  T* y;
  std::int64_t columns;
  __device__ void operator()(std::int64_t column, std::int64_t first, std::int64_t end) const {
#pragma unroll 4
    for (std::int64_t t = first; t < end; ++t) {
      const std::int64_t at = t * columns + column;
      store(y + at, load(branch + at) + load(skip + at));
    }
  }
};

template <class T>
class Add : public Runner<T> {
 public:
  using Runner<T>::Runner;

  void forward(Run<T>& run) const override {
    const Rows rows = run.rows(this->node_.inputs[0]);
    launch_walk("residual_forward", run.stream, rows,
                AddSkip<T>{run.value(this->node_.inputs[0]), run.value(this->node_.inputs[1]),
                           run.value(this->node_.outputs[0]), rows.columns()});
  }

  // The branch has dy itself, and may write over it.
  void backward(Run<T>& run) const override {
    const Rows rows = run.rows(this->node_.inputs[1]);
    if (rows.elements() == 0) return;
    check(cudaMemcpyAsync(run.gradient(this->node_.inputs[1]), run.gradient(this->node_.outputs[0]),
                          static_cast<std::size_t>(rows.elements()) * sizeof(T), cudaMemcpyDeviceToDevice,
                          run.stream),
          "copying on the device");
  }
};

}  // namespace

std::vector<CudaNode> residual_nodes() { return {cuda_node<Add>("Add")}; }

}  // namespace indrnn::cuda
