// y = (x - mean) r * weight + bias,  r = 1 / sqrt(variance + epsilon), over the features of each row.
//   g = dy * weight;  dx = r (g - mean(g) - x_hat mean(g x_hat));  dweight = sum dy x_hat;  dbias = sum dy
// (Ba, Kiros & Hinton 2016.) One warp takes a row; its sums go through shuffles in a fixed order. Mean and r of each row
// are kept for backward.
#include <cmath>
#include <vector>

#include "device/column_sums.cuh"
#include "device/warp.cuh"
#include "executor/runner.hpp"
#include "layers/layer.hpp"

namespace indrnn::cuda {
namespace {

constexpr int warps = 4;  // of a block

template <class S>
struct NormRows {
  using T = Compute<S>;
  std::int64_t rows, features;
  const S* x;       // [rows, F]
  const T* weight;  // [F]
  T* mean;          // [rows]
  T* inverse;       // [rows]
};

template <class S>
__global__ void __launch_bounds__(32 * warps)
    layer_norm_forward(NormRows<S> n, const Compute<S>* bias, Compute<S> epsilon, S* y) {
  using T = Compute<S>;
  const std::int64_t row = std::int64_t{blockIdx.x} * warps + threadIdx.y;
  if (row >= n.rows) return;  // a whole warp
  const S* x = n.x + row * n.features;
  const T count = static_cast<T>(n.features);
  T sum = T(0);
  for (std::int64_t f = threadIdx.x; f < n.features; f += 32) sum += load(x + f);
  const T mean = warp_sum(sum) / count;
  T square = T(0);
  for (std::int64_t f = threadIdx.x; f < n.features; f += 32) {
    const T difference = load(x + f) - mean;
    square += difference * difference;
  }
  const T inverse = T(1) / std::sqrt(warp_sum(square) / count + epsilon);
  if (threadIdx.x == 0) {
    store(n.mean + row, mean);
    store(n.inverse + row, inverse);
  }
  S* out = y + row * n.features;
  for (std::int64_t f = threadIdx.x; f < n.features; f += 32)
    store(out + f, (load(x + f) - mean) * inverse * load_constant(n.weight + f) + load_constant(bias + f));
}

// dx may lie over dy: a lane writes what it alone reads.
template <class S>
__global__ void __launch_bounds__(32 * warps) layer_norm_backward(NormRows<S> n, const S* dy, S* dx) {
  using T = Compute<S>;
  const std::int64_t row = std::int64_t{blockIdx.x} * warps + threadIdx.y;
  if (row >= n.rows) return;
  const S *x = n.x + row * n.features, *gradient = dy + row * n.features;
  const T mean = load(n.mean + row), inverse = load(n.inverse + row), count = static_cast<T>(n.features);
  T sum = T(0), product = T(0);
  for (std::int64_t f = threadIdx.x; f < n.features; f += 32) {
    const T g = load(gradient + f) * load_constant(n.weight + f);
    sum += g;
    product += g * ((load(x + f) - mean) * inverse);
  }
  const T mean_g = warp_sum(sum) / count, mean_gx = warp_sum(product) / count;
  for (std::int64_t f = threadIdx.x; f < n.features; f += 32) {
    const T normal = (load(x + f) - mean) * inverse;
    const T g = load(gradient + f) * load_constant(n.weight + f);
    store(dx + row * n.features + f, inverse * (g - mean_g - normal * mean_gx));
  }
}

// Sums of dy x_hat and dy.
template <class S>
struct ParameterTerm {
  using T = Compute<S>;
  NormRows<S> n;
  const S* dy;
  __device__ void operator()(std::int64_t row, std::int64_t column, T* sums) const {
    const T gradient = load(dy + row * n.features + column);
    const T normal = (load(n.x + row * n.features + column) - load(n.mean + row)) * load(n.inverse + row);
    sums[0] += gradient * normal;
    sums[1] += gradient;
  }
};

template <class S>
class LayerNorm : public Runner<S> {
  using T = Compute<S>;

 public:
  LayerNorm(const Graph& graph, const Node& node)
      : Runner<S>(graph, node), epsilon_(read_spec<nn::LayerNorm>(node.spec, node.path).epsilon) {}

  NodeBytes bytes(const Sizes& sizes, Mode) const override {
    const std::int64_t rows = this->steps(sizes) * sizes.batch;
    return {.kept = static_cast<std::size_t>(2 * rows) * sizeof(T),
            .scratch = column_sums_bytes(rows, this->input_value().features, 2)};
  }

  void forward(Run<S>& run) const override {
    const NormRows<S> n = rows(run);
    launch({"layer_norm_forward", dim3(grid_size(n.rows, warps)), dim3(32, warps), run.stream},
           layer_norm_forward<S>, n, run.parameter(this->node_.parameters[1]), static_cast<T>(epsilon_),
           run.value(this->node_.outputs[0]));
  }

  void backward(Run<S>& run) const override {
    const NormRows<S> n = rows(run);
    const S* dy = run.gradient(this->node_.outputs[0]);
    launch_column_sums<2, T>("layer_norm_gradient_sums", run.stream, n.rows, n.features,
                             ParameterTerm<S>{n, dy},
                             AddToGradients<T, 2>{{run.parameter_gradient(this->node_.parameters[0]),
                                                   run.parameter_gradient(this->node_.parameters[1])}},
                             run.template scratch<double>());
    launch({"layer_norm_backward", dim3(grid_size(n.rows, warps)), dim3(32, warps), run.stream},
           layer_norm_backward<S>, n, dy, run.gradient(this->node_.inputs[0]));
  }

 private:
  NormRows<S> rows(const Run<S>& run) const {
    const Rows rows = run.rows(this->node_.inputs[0]);
    T* memory = run.template node_memory<T>(this->node_.index);
    return {rows.count(),
            rows.features,
            run.value(this->node_.inputs[0]),
            run.parameter(this->node_.parameters[0]),
            memory,
            memory + rows.count()};
  }

  double epsilon_;
};

}  // namespace

std::vector<CudaNode> layer_norm_nodes() { return {cuda_node<LayerNorm>("LayerNorm")}; }

}  // namespace indrnn::cuda
