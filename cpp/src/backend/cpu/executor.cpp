#include "backend/cpu/executor.hpp"

#include <algorithm>

#include "backend/cpu/describe.hpp"
#include "backend/cpu/matmul.hpp"
#include "backend/cpu/prepared.hpp"
#include "backend/cpu/runner.hpp"
#include "core/dispatch.hpp"
#include "core/threads.hpp"
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
    use_single_threaded_blas();
    // A prediction between a training forward and its backward must leave the latter's memory alone.
    PreparedPlans& prepared = call.mode.keep ? kept_ : passing_;
    Run<T>& run = call.mode.keep ? kept_run_ : passing_run_;
    if (call.mode.keep) kept_run_.plan = nullptr;
    run.plan = nullptr;
    const Plan& plan = prepared.prepare(call.mode, call.time_steps, call.batch, num_threads(),
                                        [&] { return make(call.mode, call.time_steps, call.batch); });
    run = {.graph = &graph_,
           .plan = &plan,
           .memory = prepared.memory(),
           .parameters = parameters_.template data<T>(),
           .buffers = buffers_.template data<T>(),
           .seed = call.seed,
           .forwards = call.forwards};
    run.x = call.x;
    run.y = static_cast<T*>(call.y);
    copy_masks(run, call);
    copy_state(run, plan.carries, static_cast<T*>(call.state), Copy::in);
    for (const auto& runner : runners_) runner->start_forward(run);
    for (const Segment& segment : plan.program.segments) {
      parallel_for(
          plan.geometry.lanes,
          [&](std::int64_t lane, int worker) { walk_forward(run, segment, static_cast<int>(lane), worker); },
          plan.workers);
      for (int node : segment.nodes) runner(node).finish_forward(run);
    }
    copy_state(run, plan.carries, static_cast<T*>(call.state), Copy::out);
  }

  void backward(const BackwardCall& call) override {
    use_single_threaded_blas();
    Run<T>& run = kept_run_;
    const Plan& plan = *run.plan;
    run.dy = static_cast<const T*>(call.dy);
    run.dx = static_cast<T*>(call.dx);
    if (call.dstate != nullptr) {
      copy_state(run, plan.carry_gradients, static_cast<T*>(call.dstate), Copy::in);
    } else {
      clear_state(run, plan.carry_gradients);
    }
    parallel_for(plan.geometry.lanes, [&](std::int64_t lane, int) { clear_lane(run, lane); }, plan.workers);
    for (auto segment = plan.program.segments.rbegin(); segment != plan.program.segments.rend(); ++segment) {
      parallel_for(
          plan.geometry.lanes,
          [&](std::int64_t lane, int worker) {
            walk_backward(run, *segment, static_cast<int>(lane), worker);
          },
          plan.workers);
      for (auto node = segment->nodes.rbegin(); node != segment->nodes.rend(); ++node)
        runner(*node).finish_backward(run);
    }
    add_lanes(run);
    if (call.dstate != nullptr)
      copy_state(run, plan.carry_gradients, static_cast<T*>(call.dstate), Copy::out);
  }

  std::size_t workspace_bytes(Mode mode, std::int64_t time_steps, std::int64_t batch) const override {
    return make(mode, time_steps, batch).total_bytes;
  }

  std::string describe_plan(Mode mode, std::int64_t time_steps, std::int64_t batch) const override {
    return describe(graph_, make(mode, time_steps, batch));
  }

 private:
  enum class Copy { in, out };

  const Runner<T>& runner(int node) const { return *runners_[static_cast<std::size_t>(node)]; }

  Plan make(Mode mode, std::int64_t time_steps, std::int64_t batch) const {
    return make_plan(
        graph_, mode, time_steps, batch, sizeof(T), num_threads(),
        [&](int node, const Geometry& geometry) { return runner(node).memory_bytes(geometry, mode); });
  }

  // Backward must not depend on the caller keeping its arrays.
  void copy_masks(Run<T>& run, const ForwardCall& call) {
    const Geometry& geometry = run.geometry();
    run.lengths = nullptr;
    run.resets = call.resets;
    if (call.lengths != nullptr) {
      std::int64_t* lengths = run.template pointer<std::int64_t>(run.plan->lengths);
      std::copy_n(call.lengths, geometry.batch, lengths);
      run.lengths = lengths;
    }
    if (call.resets != nullptr && call.mode.keep) {
      std::uint8_t* resets = run.template pointer<std::uint8_t>(run.plan->resets);
      std::copy_n(call.resets, geometry.time_steps * geometry.batch, resets);
      run.resets = resets;
    }
  }

  void copy_state(Run<T>& run, const std::vector<std::size_t>& offsets, T* flat, Copy direction) {
    for (std::size_t i = 0; i < offsets.size(); ++i) {
      const std::int64_t elements = run.geometry().batch * graph_.states[i].features;
      T* inner = run.template pointer<T>(offsets[i]);
      direction == Copy::in ? std::copy_n(flat, elements, inner) : std::copy_n(inner, elements, flat);
      flat += elements;
    }
  }

  void clear_state(Run<T>& run, const std::vector<std::size_t>& offsets) {
    for (std::size_t i = 0; i < offsets.size(); ++i) {
      std::fill_n(run.template pointer<T>(offsets[i]), run.geometry().batch * graph_.states[i].features,
                  T(0));
    }
  }

  void clear_lane(Run<T>& run, std::int64_t lane) {
    std::fill_n(run.template pointer<T>(run.plan->lane_matrices) + lane * graph_.parameter_elements,
                graph_.parameter_elements, T(0));
    std::fill_n(run.template pointer<double>(run.plan->lane_vectors) + lane * graph_.vector_elements,
                graph_.vector_elements, 0.0);
  }

  void walk_forward(Run<T>& run, const Segment& segment, int lane, int worker) {
    const Geometry& geometry = run.geometry();
    for_each_tile(run, segment, lane, worker, [&](Chunk& chunk) {
      const std::int64_t chunks = segment.sequence ? geometry.chunks : 1;
      for (chunk.index = 0; chunk.index < chunks; ++chunk.index)
        run_chunk(run, segment, segment.forward, chunk);
    });
  }

  void walk_backward(Run<T>& run, const Segment& segment, int lane, int worker) {
    const Geometry& geometry = run.geometry();
    for_each_tile(run, segment, lane, worker, [&](Chunk& chunk) {
      chunk.backward_pass = true;
      const std::int64_t chunks = segment.sequence ? geometry.chunks : 1;
      for (chunk.index = chunks - 1; chunk.index >= 0; --chunk.index)
        run_chunk(run, segment, segment.backward, chunk);
    });
  }

  // Rows without time go through in one piece for the whole lane.
  template <class Body>
  void for_each_tile(const Run<T>& run, const Segment& segment, int lane, int worker, const Body& body) {
    const Geometry& geometry = run.geometry();
    const std::int64_t first = geometry.first_tile(lane), end = geometry.first_tile(lane + 1);
    const std::int64_t stride = segment.sequence ? 1 : end - first;
    for (std::int64_t tile = first; tile < end; tile += stride) {
      Chunk chunk;
      chunk.lane = lane;
      chunk.worker = worker;
      chunk.first_sample = geometry.first_sample(tile);
      chunk.samples = geometry.first_sample(tile + stride) - chunk.first_sample;
      body(chunk);
    }
  }

  void run_chunk(Run<T>& run, const Segment& segment, const std::vector<Instruction>& instructions,
                 Chunk& chunk) {
    const Geometry& geometry = run.geometry();
    chunk.first_step = segment.sequence ? chunk.index * geometry.chunk_steps : 0;
    chunk.steps =
        segment.sequence ? std::min(geometry.chunk_steps, geometry.time_steps - chunk.first_step) : 1;
    chunk.valid = nullptr;
    if (run.lengths != nullptr && segment.sequence) {
      std::int64_t* valid =
          run.template pointer<std::int64_t>(run.plan->valid_steps) + chunk.worker * run.plan->largest_lane();
      for (std::int64_t s = 0; s < chunk.samples; ++s) {
        valid[s] =
            std::clamp<std::int64_t>(run.lengths[chunk.first_sample + s] - chunk.first_step, 0, chunk.steps);
      }
      chunk.valid = valid;
    }
    if (chunk.worker == 0) check_interrupt();
    for (const Instruction& instruction : instructions) {
      const Runner<T>& each = runner(instruction.node);
      instruction.direction == Direction::backward ? each.backward(run, chunk) : each.forward(run, chunk);
    }
  }

  // gradients += sum of the lanes, always in the order of the lanes.
  void add_lanes(Run<T>& run) {
    constexpr std::int64_t block = 8192;
    const std::int64_t lanes = run.geometry().lanes;
    T* gradients = gradients_.template data<T>();
    const T* matrices = run.template pointer<T>(run.plan->lane_matrices);
    const double* vectors = run.template pointer<double>(run.plan->lane_vectors);
    parallel_for((graph_.parameter_elements + block - 1) / block, [&](std::int64_t task, int) {
      const std::int64_t end = std::min(graph_.parameter_elements, (task + 1) * block);
      T sums[block];
      const std::int64_t first = task * block;
      std::fill_n(sums, end - first, T(0));
      for (std::int64_t lane = 0; lane < lanes; ++lane) {
        const T* from = matrices + lane * graph_.parameter_elements + first;
        for (std::int64_t i = 0; i < end - first; ++i) sums[i] += from[i];
      }
      for (std::int64_t i = 0; i < end - first; ++i) gradients[first + i] += sums[i];
    });
    for (const Parameter& parameter : graph_.parameters) {
      if (!parameter.is_vector()) continue;
      for (std::int64_t i = 0; i < parameter.shape.elements(); ++i) {
        double sum = 0.0;
        for (std::int64_t lane = 0; lane < lanes; ++lane)
          sum += vectors[lane * graph_.vector_elements + parameter.vector_offset + i];
        gradients[parameter.offset + i] += static_cast<T>(sum);
      }
    }
  }

  const Graph& graph_;
  Tensor parameters_, gradients_, buffers_;
  std::vector<std::unique_ptr<Runner<T>>> runners_;
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
