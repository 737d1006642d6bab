#include "backend/cpu/executor.hpp"

#include <algorithm>

#include "backend/cpu/describe.hpp"
#include "backend/cpu/lane_sums.hpp"
#include "backend/cpu/matmul.hpp"
#include "backend/cpu/prepared.hpp"
#include "backend/cpu/walk.hpp"
#include "backend/cpu/wavefront.hpp"
#include "core/dispatch.hpp"
#include "core/float_control.hpp"
#include "layers/layer.hpp"

namespace indrnn::cpu {
namespace {

template <class T>
class CpuExecutor : public Executor {
 public:
  explicit CpuExecutor(const Graph& graph)
      : graph_(graph),
        parameters_({graph.parameter_elements}, dtype_of<T>),
        gradients_({graph.parameter_elements}, dtype_of<T>),
        buffers_({graph.buffer_elements}, dtype_of<T>) {
    for (const Node& node : graph.nodes) {
      const CpuNode& entry = find_cpu_node(node.type);
      if constexpr (std::is_same_v<T, float>) {
        runners_.push_back(entry.make_float(graph, node));
      } else {
        runners_.push_back(entry.make_double(graph, node));
      }
    }
  }

  TensorView parameters() override { return parameters_.view(); }
  TensorView gradients() override { return gradients_.view(); }
  TensorView buffers() override { return buffers_.view(); }

  void forward(const ForwardCall& call) override {
    const FlushDenormals flush;
    use_single_threaded_blas();
    Run<T>& run = start(call);
    const Plan& plan = *run.plan;
    copy_state(run, plan.carries, static_cast<T*>(call.state), Copy::in);
    for (const auto& runner : runners_) runner->start_forward(run);
    for (std::int64_t window = 0; window < plan.windows; ++window) {
      run.window_first_chunk = window * plan.window_chunks;
      if (!plan.window_states.empty()) copy_window_state(run, window, Copy::out);
      forward_segments(run, true);
    }
    forward_segments(run, false);
    copy_state(run, plan.carries, static_cast<T*>(call.state), Copy::out);
  }

  void backward(const BackwardCall& call) override {
    const FlushDenormals flush;
    use_single_threaded_blas();
    Run<T>& run = kept_run_;
    const Plan& plan = *run.plan;
    run.dy = static_cast<const T*>(call.dy);
    run.dx = static_cast<T*>(call.dx);
    if (call.dstate != nullptr) {
      copy_state(run, plan.carry_gradients, static_cast<T*>(call.dstate), Copy::in);
    } else {
      clear_state_gradients(run);
    }
    clear_lane_sums(run);
    backward_segments(run, false);
    for (std::int64_t window = plan.windows - 1; window >= 0; --window) {
      run.window_first_chunk = window * plan.window_chunks;
      if (window + 1 < plan.windows) {  // the last window is still there from forward
        run.again = true;
        copy_window_state(run, window, Copy::in);
        forward_segments(run, true);
        run.again = false;
      }
      backward_segments(run, true);
    }
    add_lane_sums(run, gradients_.template data<T>());
    if (call.dstate != nullptr) {
      copy_state(run, plan.carry_gradients, static_cast<T*>(call.dstate), Copy::out);
    }
  }

  std::size_t workspace_bytes(Mode mode, std::int64_t time_steps, std::int64_t batch) const override {
    return make(mode, time_steps, batch, batch).total_bytes;
  }

  std::string describe_plan(Mode mode, std::int64_t time_steps, std::int64_t batch) const override {
    return describe(graph_, make(mode, time_steps, batch, batch));
  }

 private:
  enum class Copy { in, out };

  Plan make(Mode mode, std::int64_t time_steps, std::int64_t batch, std::int64_t window_batch) const {
    return make_plan(graph_, mode, time_steps, batch, window_batch, sizeof(T), num_threads(),
                     [&](int node, const Geometry& geometry, std::int64_t window_steps) {
                       return runners_[static_cast<std::size_t>(node)]->memory_bytes(geometry, window_steps,
                                                                                     mode);
                     });
  }

  Run<T>& start(const ForwardCall& call) {
    // A prediction between a training forward and its backward must leave the latter's memory alone.
    PreparedPlans& prepared = call.mode.keep ? kept_ : passing_;
    Run<T>& run = call.mode.keep ? kept_run_ : passing_run_;
    run.plan = nullptr;
    const Plan& plan =
        prepared.prepare({call.mode, call.time_steps, call.batch, call.window_batch, num_threads()},
                         [&] { return make(call.mode, call.time_steps, call.batch, call.window_batch); });
    run = {.graph = &graph_,
           .plan = &plan,
           .memory = prepared.memory(),
           .parameters = parameters_.template data<T>(),
           .buffers = buffers_.template data<T>(),
           .seed = call.seed,
           .forwards = call.forwards,
           .start_step = call.start_step,
           .first_sample = call.first_sample,
           .ranks = call.ranks};
    run.x = call.x;
    run.y = static_cast<T*>(call.y);
    run.lengths = call.lengths;
    run.resets = call.resets;
    if (call.mode.keep) own_inputs(run, call);
    return run;
  }

  // Backward must not depend on the caller keeping its arrays.
  void own_inputs(Run<T>& run, const ForwardCall& call) {
    const std::int64_t rows = call.time_steps * call.batch;
    if (call.lengths != nullptr) {
      run.lengths = copy(call.lengths, call.batch, run.template pointer<std::int64_t>(run.plan->lengths));
    }
    if (call.resets != nullptr) {
      run.resets = copy(call.resets, rows, run.template pointer<std::uint8_t>(run.plan->resets));
    }
    if (!call.mode.recompute) return;
    if (graph_.takes_indices()) {
      run.x = copy(static_cast<const std::int64_t*>(call.x), rows,
                   run.template pointer<std::int64_t>(run.plan->inputs));
    } else {
      run.x = copy(static_cast<const T*>(call.x), rows * graph_.input_size,
                   run.template pointer<T>(run.plan->inputs));
    }
  }

  template <class Element>
  static Element* copy(const Element* from, std::int64_t count, Element* to) {
    std::copy_n(from, count, to);
    return to;
  }

  void forward_segments(Run<T>& run, bool sequence) {
    for (const Segment& segment : run.plan->program.segments) {
      if (segment.sequence != sequence) continue;
      run_segment({run, runners_, segment, false});
      for (int node : segment.nodes) runners_[static_cast<std::size_t>(node)]->finish_forward(run);
    }
  }

  void backward_segments(Run<T>& run, bool sequence) {
    const auto& segments = run.plan->program.segments;
    for (auto segment = segments.rbegin(); segment != segments.rend(); ++segment) {
      if (segment->sequence != sequence) continue;
      run_segment({run, runners_, *segment, true});
      for (auto node = segment->nodes.rbegin(); node != segment->nodes.rend(); ++node) {
        runners_[static_cast<std::size_t>(*node)]->finish_backward(run);
      }
    }
  }

  void run_segment(const Pass<T>& pass) {
    const Plan& plan = *pass.run.plan;
    if (plan.wavefront && pass.segment.sequence) {
      Wavefront<T>(pass, plan.geometry.lanes,
                   pass.run.template pointer<StageProgress>(plan.wavefront_progress))
          .run(plan.workers);
    } else {
      parallel_for(
          plan.geometry.lanes, [&](std::int64_t lane, int worker) { walk_lane(pass, lane, worker); },
          plan.workers);
    }
  }

  // flat: the states one after the other, [B, F] each.
  void copy_state(Run<T>& run, const std::vector<std::size_t>& offsets, T* flat, Copy direction) {
    for (std::size_t i = 0; i < offsets.size(); ++i) {
      const std::int64_t elements = run.geometry().batch * graph_.states[i].features;
      T* inner = run.template pointer<T>(offsets[i]);
      direction == Copy::in ? std::copy_n(flat, elements, inner) : std::copy_n(inner, elements, flat);
      flat += elements;
    }
  }

  void copy_window_state(Run<T>& run, std::int64_t window, Copy direction) {
    for (std::size_t i = 0; i < graph_.states.size(); ++i) {
      const std::int64_t elements = run.geometry().batch * graph_.states[i].features;
      T* inner = run.template pointer<T>(run.plan->carries[i]);
      T* outer = run.template pointer<T>(run.plan->window_states[i]) + window * elements;
      direction == Copy::in ? std::copy_n(outer, elements, inner) : std::copy_n(inner, elements, outer);
    }
  }

  void clear_state_gradients(Run<T>& run) {
    for (std::size_t i = 0; i < graph_.states.size(); ++i) {
      std::fill_n(run.template pointer<T>(run.plan->carry_gradients[i]),
                  run.geometry().batch * graph_.states[i].features, T(0));
    }
  }

  const Graph& graph_;
  Tensor parameters_, gradients_, buffers_;
  Runners<T> runners_;
  PreparedPlans kept_, passing_;
  Run<T> kept_run_, passing_run_;
};

}  // namespace

std::unique_ptr<Executor> make_executor(const Graph& graph, DType dtype, int device_index) {
  if (device_index != 0) {
    throw DeviceError("[network] device must be 'cpu' or 'cpu:0': there is one CPU, got index " +
                      std::to_string(device_index));
  }
  return dispatch_float(dtype, [&](auto zero) -> std::unique_ptr<Executor> {
    return std::make_unique<CpuExecutor<decltype(zero)>>(graph);
  });
}

}  // namespace indrnn::cpu
