// The recurrence: h_t = act(z_t + bias + u * h_{t-1});  dz_t = act'(h_t) (dh_t + u dz_{t+1}),
// du = sum dz_t h_{t-1}, dbias = sum dz_t.
//
// One thread is one column (sample, neuron) and walks time with its state in registers. Forward reads z once and writes h
// once; backward reads dh and h once and writes dz once. Few columns and many steps are walked by chunks of time at once
// (recurrence_scan.cu).
#include <vector>

#include "executor/runner.hpp"
#include "executor/scan_choice.hpp"
#include "layers/layer.hpp"
#include "layers/recurrence.cuh"
#include "layers/recurrence_sums.cuh"

namespace indrnn::cuda {
namespace {

template <class S, class A, bool with_resets>
__global__ void __launch_bounds__(recurrence_threads, recurrence_blocks)
    recurrence_forward(RecurrenceForward<S> r) {
  using T = Compute<S>;
  const std::int64_t index = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (index >= r.rows.columns()) return;
  const Column<with_resets> column(r.rows, r.resets, index);
  const T h =
      walk_forward<A, forward_depth<S, with_resets>>(r, column, 0, column.valid, load(r.before + index));
  for (std::int64_t t = column.valid; t < r.rows.steps; ++t) store(r.h + t * column.stride + index, T(0));
  store(r.behind + index, h);
}

template <class S, class A, bool with_resets>
__global__ void __launch_bounds__(recurrence_threads, recurrence_blocks)
    recurrence_backward(RecurrenceBackward<S> r) {
  using T = Compute<S>;
  const std::int64_t index = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (index >= r.rows.columns()) return;
  const Column<with_resets> column(r.rows, r.resets, index);
  for (std::int64_t t = column.valid; t < r.rows.steps; ++t) store(r.dz + t * column.stride + index, T(0));
  const BackwardSums<T> sums =
      walk_backward<A, backward_depth<S>>(r, column, 0, column.valid, load(r.state_gradient + index));
  store(r.state_gradient + index, sums.g);
  store(r.du + index, sums.du.total);
  if (r.dbias != nullptr) store(r.dbias + index, sums.dbias.total);
}

// Few columns spread over many multiprocessors.
int threads_for(std::int64_t columns, int multiprocessors) {
  int threads = recurrence_threads;
  while (threads > 32 && columns < std::int64_t{threads} * multiprocessors) threads /= 2;
  return threads;
}

template <class S>
class Recurrence : public Runner<S> {
  using T = Compute<S>;

 public:
  Recurrence(const Graph& graph, const Node& node)
      : Runner<S>(graph, node),
        activation_(*find_activation(read_spec<nn::Recurrence>(node.spec, node.path).activation)) {}

  NodeBytes bytes(const Sizes& sizes, Mode mode) const override {
    const std::int64_t features = this->input_value().features, columns = sizes.batch * features;
    const std::int64_t chunks = choose_chunks(sizes, sizes.window_steps, columns);
    const std::size_t scan = static_cast<std::size_t>(scan_scratch(columns, chunks)) * sizeof(T);
    if (!mode.keep) return {.scratch = scan};
    return {.scratch = recurrence_sums_bytes(sizes.batch, features, chunks) + scan};
  }

  void forward(Run<S>& run) const override {
    const Rows rows = run.rows(this->node_.inputs[0]);
    const RecurrenceForward<S> r{
        .rows = rows,
        .z = run.value(this->node_.inputs[0]),
        .h = run.value(this->node_.outputs[0]),
        .u = run.parameter(this->node_.parameters[0]),
        .bias = this->node_.fused_bias < 0 ? nullptr : run.parameter(this->node_.fused_bias),
        .before = run.state_before(this->node_.state),
        .behind = run.state_behind(this->node_.state),
        .resets = run.window_resets()};
    const std::int64_t chunks = forward_is_scan() ? chunks_of(run, rows) : 1;
    if (chunks > 1) {
      return launch_scan_forward(run.stream, r, activation_, chunks, run.template scratch<T>());
    }
    dispatch_activation(activation_, [&](auto activation) {
      using A = decltype(activation);
      launch_walk_time("recurrence_forward", run, rows,
                       r.resets != nullptr ? recurrence_forward<S, A, true> : recurrence_forward<S, A, false>,
                       r);
    });
  }

  void backward(Run<S>& run) const override {
    const Rows rows = run.rows(this->node_.inputs[0]);
    const std::int64_t chunks = chunks_of(run, rows);
    const RecurrenceSums sums(run.template scratch<double>(), rows.batch, rows.features, chunks,
                              this->node_.fused_bias >= 0);
    const RecurrenceBackward<S> r = recurrence_backward_arguments(run, this->node_, sums);
    if (chunks > 1) {
      launch_scan_backward(run.stream, r, activation_, chunks, reinterpret_cast<T*>(sums.end));
    } else {
      dispatch_activation(activation_, [&](auto activation) {
        using A = decltype(activation);
        launch_walk_time(
            "recurrence_backward", run, rows,
            r.resets != nullptr ? recurrence_backward<S, A, true> : recurrence_backward<S, A, false>, r);
      });
    }
    add_recurrence_sums(run.stream, sums, run.parameter_gradient(this->node_.parameters[0]),
                        sums.dbias == nullptr ? nullptr : run.parameter_gradient(this->node_.fused_bias));
  }

 private:
  bool forward_is_scan() const {
    return activation_ == cpu::Activation::relu || activation_ == cpu::Activation::identity;
  }
  std::int64_t chunks_of(const Run<S>& run, const Rows& rows) const {
    return equal_chunks(rows.steps, choose_chunks(run.plan->sizes, rows.steps, rows.columns()));
  }

  template <class Kernel, class Arguments>
  static void launch_walk_time(const char* name, const Run<S>& run, const Rows& rows, Kernel kernel,
                               const Arguments& r) {
    const int threads = threads_for(rows.columns(), run.context->multiprocessors());
    launch({name, dim3(grid_size(rows.columns(), threads)), dim3(static_cast<unsigned>(threads)), run.stream},
           kernel, r);
  }

  cpu::Activation activation_;
};

}  // namespace

std::vector<CudaNode> recurrence_nodes() { return {cuda_node<Recurrence>("Recurrence")}; }

}  // namespace indrnn::cuda
