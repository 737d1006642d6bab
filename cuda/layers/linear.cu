// y = W x + b;  dW = dy^T x, db = sum dy, dx = dy W.   Weight [O, I] row-major, all rows of a window in one product.
#include <vector>

#include "device/column_sums.cuh"
#include "device/load_ahead.cuh"
#include "device/walk.cuh"
#include "executor/runner.hpp"

namespace indrnn::cuda {
namespace {

// y += bias
template <class S>
struct AddBias {
  using T = Compute<S>;
  S* y;
  const T* bias;
  std::int64_t columns, features;
  __device__ void operator()(std::int64_t column, std::int64_t first, std::int64_t end) const {
    const T b = load_constant(bias + column % features);
    load_ahead<steps_ahead>(
        first, end, 1, [&](std::int64_t t) { return load<S>(y + t * columns + column); },
        [&](std::int64_t t, S value) { store(y + t * columns + column, widen(value) + b); });
  }
};

template <class S>
struct Round {
  const Compute<S>* from;
  S* to;
  __device__ void operator()(std::int64_t i) const { store(to + i, load_constant(from + i)); }
};

template <class S>
struct ColumnTerm {
  const S* dy;  // [rows, columns]
  std::int64_t columns;
  __device__ void operator()(std::int64_t row, std::int64_t column, Compute<S>* sums) const {
    sums[0] += load(dy + row * columns + column);
  }
};

template <class S>
class Linear : public Runner<S> {
  using T = Compute<S>;

 public:
  using Runner<S>::Runner;

  NodeBytes bytes(const Sizes& sizes, Mode mode) const override {
    const std::int64_t inputs = this->input_value().features, outputs = this->output_value().features;
    return {.scratch =
                mode.keep && has_bias() ? column_sums_bytes(this->steps(sizes) * sizes.batch, outputs, 1) : 0,
            .common = is_rounded<S> ? static_cast<std::size_t>(outputs * inputs) * sizeof(S) : 0};
  }

  void forward(Run<S>& run) const override {
    const int output = this->node_.outputs[0];
    const Rows rows = run.rows(output);
    round_weight(run);
    run.context->matmul().multiply_transposed(rows.count(), rows.features, this->input_value().features,
                                              run.value(this->node_.inputs[0]), weight(run),
                                              run.value(output));
    if (!has_bias()) return;
    launch_walk("add_bias", run.stream, rows,
                AddBias<S>{run.value(output), run.parameter(this->node_.parameters[1]), rows.columns(),
                           rows.features});
  }

  void backward(Run<S>& run) const override {
    const int input = this->node_.inputs[0];
    const std::int64_t rows = run.rows(input).count();
    const std::int64_t inputs = this->input_value().features, outputs = this->output_value().features;
    const S* dy = run.gradient(this->node_.outputs[0]);
    if (has_bias()) {
      launch_column_sums<1, T>("bias_gradient", run.stream, rows, outputs, ColumnTerm<S>{dy, outputs},
                               AddToGradients<T, 1>{{run.parameter_gradient(this->node_.parameters[1])}},
                               run.template scratch<double>());
    }
    const Matmul& matmul = run.context->matmul();
    matmul.add_outer(outputs, inputs, rows, dy, run.value(input),
                     run.parameter_gradient(this->node_.parameters[0]));
    if (run.gradient_wanted(input))
      matmul.multiply(rows, inputs, outputs, dy, weight(run), run.gradient(input));
  }

 private:
  // What products read: a copy of this forward's weight where values are rounded.
  const S* weight(const Run<S>& run) const {
    if constexpr (is_rounded<S>) return run.template node_common<S>(this->node_.index);
    if constexpr (!is_rounded<S>) return run.parameter(this->node_.parameters[0]);
  }
  // Once for all windows of a forward.
  void round_weight(Run<S>& run) const {
    if constexpr (is_rounded<S>) {
      if (run.window > 0 || run.again) return;
      launch_columns(
          "round_weight", run.stream, this->input_value().features * this->output_value().features,
          Round<S>{run.parameter(this->node_.parameters[0]), run.template node_common<S>(this->node_.index)});
    }
  }
  bool has_bias() const { return this->node_.parameters.size() > 1; }  // unless the recurrence behind adds it
};

}  // namespace

std::vector<CudaNode> linear_nodes() { return {cuda_node<Linear>("Linear")}; }

}  // namespace indrnn::cuda
