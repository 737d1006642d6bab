// BatchNorm over the samples of each time step, as nodes of a program: statistics first, or over all ranks in two parts,
// then what uses them.
#include <vector>

#include "layers/batch_norm_step.cuh"
#include "layers/layer.hpp"

namespace indrnn::cuda {
namespace {

template <class S>
class StepNormRunner : public Runner<S> {
  using T = Compute<S>;

 public:
  StepNormRunner(const Graph& graph, const Node& node)
      : Runner<S>(graph, node), spec_(read_spec<nn::BatchNorm>(node.spec, node.path)) {}

 protected:
  StepNorm<S> norm(const Run<S>& run, int statistics_node) const {
    const Rows rows = run.rows(this->node_.inputs[0]);
    return {rows,
            run.value(this->node_.inputs[0]),
            {run.template node_memory<double>(statistics_node), rows.steps, rows.features},
            run.parameter(this->node_.parameters[0]),
            run.parameter(this->node_.parameters[1]),
            run.buffer(this->node_.buffers[0]),
            run.buffer(this->node_.buffers[1]),
            {run.numbers, spec_.time_steps, rows.first_step},
            spec_.epsilon,
            run.mode().training};
  }

  nn::BatchNorm spec_;
};

template <class S>
class StepStatistics : public StepNormRunner<S> {
  using T = Compute<S>;

 public:
  using StepNormRunner<S>::StepNormRunner;

  NodeBytes bytes(const Sizes& sizes, Mode) const override {
    const std::int64_t features = this->input_value().features;
    return {.kept = StepMemory<T>::bytes(sizes.window_steps, features),
            .scratch = column_sums_bytes(sizes.window_steps, features, 2)};
  }

  void forward(Run<S>& run) const override {
    if (run.backward_pass) return;
    const StepNorm<S> n = this->norm(run, this->node_.index);
    const bool alone = run.ranks == nullptr;
    const std::int64_t count = n.rows.batch == 0 && alone ? 0 : n.rows.steps * n.rows.features;
    launch_columns("batch_norm_step_statistics", run.stream, count, FindStatistics<S>{n, alone});
    if (!alone) {
      run.join_moments_of_ranks(n.rows.steps, n.rows.features, n.m.counts);
      launch_columns("batch_norm_step_of_ranks", run.stream, count, UseKept<S>{n});
    }
    if (!n.training || run.again) return;
    launch_columns("batch_norm_step_running", run.stream, count, Follow<S>{n, this->spec_.momentum});
  }

  void backward(Run<S>& run) const override {
    const StepNorm<S> n = this->norm(run, this->node_.index);
    const bool alone = run.ranks == nullptr;
    if (n.rows.steps == 0 || (n.rows.batch == 0 && alone)) return;
    const std::int64_t count = n.rows.steps * n.rows.features;
    const UseGradientSums<S> use{n, run.gradient(this->node_.outputs[0]),
                                 run.gradient(this->node_.inputs[0])};
    launch_columns("batch_norm_step_backward", run.stream, count, StepGradient<S>{use, alone});
    launch_column_sums<2, double>("batch_norm_step_gradients", run.stream, n.rows.steps, n.rows.features,
                                  ParameterTerm<T>{n.m, n.rows.features},
                                  AddToGradients<T, 2>{{run.parameter_gradient(this->node_.parameters[0]),
                                                        run.parameter_gradient(this->node_.parameters[1])}},
                                  run.template scratch<double>());
    if (alone) return;
    run.sum_over_ranks(n.m.sums, 2 * count);
    launch_columns("batch_norm_step_backward_of_ranks", run.stream, count, use);
  }
};

template <class S>
class StepApply : public StepNormRunner<S> {
  using T = Compute<S>;

 public:
  using StepNormRunner<S>::StepNormRunner;

  void forward(Run<S>& run) const override {
    const StepNorm<S> n = this->norm(run, this->node_.index - 1);
    launch_walk("batch_norm_step_forward", run.stream, n.rows,
                ApplyStatistics<S>{n, run.value(this->node_.outputs[0])});
  }

  void backward(Run<S>&) const override {}
};

}  // namespace

std::vector<CudaNode> batch_norm_step_nodes() {
  return {cuda_node<StepStatistics>("BatchNormStep.statistics"), cuda_node<StepApply>("BatchNormStep.apply")};
}

}  // namespace indrnn::cuda
