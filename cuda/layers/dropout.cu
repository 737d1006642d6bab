// y = x * mask, mask [B, F] shared by all time steps: 0 with probability p, else 1 / (1 - p). Outside training y = x.
// A thread draws the mask of its column and walks time: the mask is never stored.
#include <vector>

#include "device/load_ahead.cuh"
#include "device/random.cuh"
#include "device/walk.cuh"
#include "executor/runner.hpp"
#include "layers/layer.hpp"

namespace indrnn::cuda {
namespace {

template <class S>
struct MultiplyMask {
  using T = Compute<S>;
  const S* x;  // [steps, B, F]
  S* y;
  std::int64_t columns, features;
  Chance dropped;
  T kept;  // 1 / (1 - p)
  __device__ void operator()(std::int64_t column, std::int64_t first, std::int64_t end) const {
    const std::int64_t sample = column / features;
    const bool drop = dropped.happens(dropped.stream(), dropped.row_of(sample), column - sample * features);
    const T factor = drop ? T(0) : kept;
    load_ahead<steps_ahead>(
        first, end, 1, [&](std::int64_t t) { return load<S>(x + t * columns + column); },
        [&](std::int64_t t, S value) { store(y + t * columns + column, widen(value) * factor); });
  }
};

template <class S>
class Dropout : public Runner<S> {
  using T = Compute<S>;

 public:
  Dropout(const Graph& graph, const Node& node)
      : Runner<S>(graph, node), p_(read_spec<nn::Dropout>(node.spec, node.path).p) {}

  void forward(Run<S>& run) const override {
    apply("dropout_forward", run, run.value(this->node_.inputs[0]), run.value(this->node_.outputs[0]));
  }
  void backward(Run<S>& run) const override {
    apply("dropout_backward", run, run.gradient(this->node_.outputs[0]), run.gradient(this->node_.inputs[0]));
  }

 private:
  void apply(const char* name, Run<S>& run, const S* from, S* to) const {
    const Rows rows = run.rows(this->node_.inputs[0]);
    if (run.mode().training && p_ > 0.0) {
      const Chance dropped{run.numbers, Purpose::dropout, static_cast<std::uint32_t>(this->node_.index),
                           static_cast<float>(p_)};
      const T kept = T(1) / (T(1) - static_cast<T>(p_));
      launch_walk(name, run.stream, rows,
                  MultiplyMask<S>{from, to, rows.columns(), rows.features, dropped, kept});
    } else if (from != to && rows.elements() > 0) {
      check(cudaMemcpyAsync(to, from, static_cast<std::size_t>(rows.elements()) * sizeof(S),
                            cudaMemcpyDeviceToDevice, run.stream),
            "copying on the device");
    }
  }

  double p_;
};

}  // namespace

std::vector<CudaNode> dropout_nodes() { return {cuda_node<Dropout>("Dropout")}; }

}  // namespace indrnn::cuda
