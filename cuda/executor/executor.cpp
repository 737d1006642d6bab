#include "executor/executor.hpp"

#include <vector>

#include "core/dispatch.hpp"
#include "core/threads.hpp"
#include "executor/capability.hpp"
#include "executor/prepared.hpp"
#include "executor/runner.hpp"
#include "runtime/device_numbers.hpp"

namespace indrnn::cuda {
namespace {

// What stays a network's own when it changes how values are stored.
template <class T>
struct NetworkArrays {
  NetworkArrays(const Graph& graph, const std::shared_ptr<Context>& context)
      : parameters(context->allocate(flat_bytes(graph.parameter_elements))),
        gradients(context->allocate(flat_bytes(graph.parameter_elements))),
        buffers(context->allocate(flat_bytes(graph.buffer_elements))) {}

  static std::size_t flat_bytes(std::int64_t elements) {
    return static_cast<std::size_t>(elements) * sizeof(T);
  }

  std::shared_ptr<void> parameters, gradients, buffers;
  DeviceNumbers<CallNumbers> numbers;
};

void check_bfloat16(DType dtype, int device) {
  if (dtype != DType::float32) {
    throw InvalidArgument(std::string("[network] storage 'bfloat16' needs dtype float32, got ") +
                          name_of(dtype));
  }
  check_capability("storage 'bfloat16'", device, least_capability_of_bfloat16);
}

// S: how values are stored; the caller's arrays, parameters and states are T.
template <class S>
class CudaExecutor : public Executor {
 public:
  using T = Compute<S>;
  using Arrays = NetworkArrays<T>;

  CudaExecutor(const Graph& graph, std::shared_ptr<Context> context, std::shared_ptr<Arrays> arrays)
      : graph_(graph), context_(std::move(context)), arrays_(std::move(arrays)) {
    for (const Node& node : graph.nodes)
      runners_.push_back(find_cuda_node(node.type).template make<S>(graph, node));
  }

  ~CudaExecutor() override { context_->settle(); }

  std::unique_ptr<Executor> with_storage(ValueStorage storage) override {
    const DeviceGuard guard(context_->device_index());
    if (storage == ValueStorage::full) return std::make_unique<CudaExecutor<T>>(graph_, context_, arrays_);
    check_bfloat16(dtype_of<T>, context_->device_index());
    if constexpr (std::is_same_v<T, float>)
      return std::make_unique<CudaExecutor<__nv_bfloat16>>(graph_, context_, arrays_);
    return nullptr;  // refused above
  }

  TensorView parameters() override {
    return {arrays_->parameters.get(), {graph_.parameter_elements}, dtype_of<T>};
  }
  TensorView gradients() override {
    return {arrays_->gradients.get(), {graph_.parameter_elements}, dtype_of<T>};
  }
  TensorView buffers() override { return {arrays_->buffers.get(), {graph_.buffer_elements}, dtype_of<T>}; }
  std::shared_ptr<DeviceContext> context() const override { return context_; }

  void forward(const ForwardCall& call) override {
    const DeviceGuard guard(context_->device_index());
    Run<S>& run = start(call);
    const Plan& plan = *run.plan;
    for (run.window = 0; run.window < plan.sizes.windows; ++run.window) forward_segments(run, true);
    run.window = 0;
    forward_segments(run, false);
    if (call.state != nullptr) {
      const T* final_state = run.template pointer<T>(plan.states) + plan.sizes.windows * plan.state_elements;
      context_->out().fetch(final_state, call.state, flat_bytes(plan.state_elements), run.stream);
    }
    context_->out().end(run.stream);
  }

  void backward(const BackwardCall& call) override {
    const DeviceGuard guard(context_->device_index());
    Run<S>& run = kept_run_;
    start_backward(run, call);
    backward_segments(run, false);
    const std::int64_t windows = run.plan->sizes.windows;
    for (run.window = windows - 1; run.window >= 0; --run.window) {
      if (run.plan->runs_windows_again() &&
          run.window + 1 < windows) {  // the last one is still there from forward
        run.again = true;
        run.backward_pass = false;
        forward_segments(run, true);
        run.again = false;
        run.backward_pass = true;
      }
      backward_segments(run, true);
    }
    if (call.dstate != nullptr) {
      context_->out().fetch(run.template pointer<T>(run.plan->state_gradients), call.dstate,
                            flat_bytes(run.plan->state_elements), run.stream);
    }
    context_->out().end(run.stream);
  }

  std::size_t workspace_bytes(Mode mode, std::int64_t time_steps, std::int64_t batch) const override {
    return make(mode, time_steps, batch, batch).total_bytes;
  }

  std::string describe_plan(Mode mode, std::int64_t time_steps, std::int64_t batch) const override {
    return describe(graph_, make(mode, time_steps, batch, batch));
  }

 private:
  static std::size_t flat_bytes(std::int64_t elements) { return Arrays::flat_bytes(elements); }

  // Of the caller's array.
  std::size_t value_bytes(int id, std::int64_t time_steps, std::int64_t batch) const {
    const Value& value = graph_.values[static_cast<std::size_t>(id)];
    const std::size_t element = value.indices ? sizeof(std::int64_t) : sizeof(T);
    return static_cast<std::size_t>((value.sequence ? time_steps : 1) * batch * value.features) * element;
  }

  Plan make(Mode mode, std::int64_t time_steps, std::int64_t batch, std::int64_t window_batch) const {
    return make_plan(graph_, mode, time_steps, batch, window_batch, {sizeof(S), sizeof(T)},
                     context_->limits(), [&](int node, const Sizes& sizes, Mode of_plan) {
                       return runners_[static_cast<std::size_t>(node)]->bytes(sizes, of_plan);
                     });
  }

  Run<S>& start(const ForwardCall& call) {
    // A prediction between a training forward and its backward must leave the latter's memory alone.
    PreparedPlans& prepared = call.mode.keep ? kept_ : passing_;
    Run<S>& run = call.mode.keep ? kept_run_ : passing_run_;
    run = {};
    const Plan& plan =
        prepared.prepare(*context_, {call.mode, call.time_steps, call.batch, call.window_batch},
                         [&] { return make(call.mode, call.time_steps, call.batch, call.window_batch); });
    run.graph = &graph_;
    run.plan = &plan;
    run.memory = prepared.memory();
    run.context = context_.get();
    run.stream = context_->queue();
    run.parameters = static_cast<const T*>(arrays_->parameters.get());
    run.gradients = static_cast<T*>(arrays_->gradients.get());
    run.buffers = static_cast<T*>(arrays_->buffers.get());
    run.numbers = arrays_->numbers.get();
    run.ranks = call.ranks;
    run.host_numbers = &host_numbers_;
    run.y = call.y;
    bring_inputs(run, call);
    write_numbers(call);
    context_->out().begin(host_bytes(call.y, value_bytes(graph_.output, call.time_steps, call.batch)) +
                          host_bytes(call.state, flat_bytes(plan.state_elements)));
    return run;
  }

  void bring_inputs(Run<S>& run, const ForwardCall& call) {
    const Plan& plan = *run.plan;
    StagingIn& in = context_->in();
    const std::size_t x_bytes = value_bytes(graph_.input, call.time_steps, call.batch);
    const std::size_t state_bytes = flat_bytes(plan.state_elements);
    const auto rows = static_cast<std::size_t>(call.time_steps * call.batch);
    const std::size_t lengths_bytes = static_cast<std::size_t>(call.batch) * sizeof(std::int64_t);
    in.begin(host_bytes(call.x, x_bytes) + host_bytes(call.state, state_bytes) +
                 host_bytes(call.lengths, lengths_bytes) + host_bytes(call.resets, rows),
             run.stream);
    run.x = in.stage(call.x, x_bytes);
    T* initial_state = run.template pointer<T>(plan.states);
    bring(in, call.state, initial_state, state_bytes, run.stream);
    if (call.lengths != nullptr || call.time_steps == 0) {  // without steps, every sequence has length 0
      auto* lengths = run.template pointer<std::int64_t>(plan.lengths);
      bring(in, call.lengths, lengths, lengths_bytes, run.stream);
      run.lengths = lengths;
    }
    if (call.resets != nullptr) {
      auto* resets = run.template pointer<std::uint8_t>(plan.resets);
      bring(in, call.resets, resets, rows, run.stream);
      run.resets = resets;
    }
    if (plan.runs_windows_again() && x_bytes > 0) {
      auto* inputs = run.template pointer<std::byte>(plan.inputs);
      check(cudaMemcpyAsync(inputs, run.x.pointer, x_bytes, run.x.kind, run.stream), "copying the input");
      run.x = {inputs, cudaMemcpyDeviceToDevice};
    }
    in.end(run.stream);
  }

  // nullptr: zeros.
  static void bring(StagingIn& in, const void* from, void* to, std::size_t bytes, cudaStream_t stream) {
    if (bytes == 0) return;
    if (from == nullptr) return check(cudaMemsetAsync(to, 0, bytes, stream), "clearing device memory");
    const Source source = in.stage(from, bytes);
    check(cudaMemcpyAsync(to, source.pointer, bytes, source.kind, stream), "copying to the device");
  }

  // Captured work draws new masks at each launch, as further calls would.
  void write_numbers(const ForwardCall& call) {
    const CallNumbers now{.seed = call.seed,
                          .forwards = call.forwards,
                          .start_step = call.start_step,
                          .first_sample = call.first_sample};
    arrays_->numbers.write(*context_, [now, call, first = true](CallNumbers& numbers) mutable {
      numbers = now;
      if (!first && call.network_forwards != nullptr) {
        numbers.seed = *call.network_seed;
        numbers.forwards = call.mode.training ? (*call.network_forwards)++ : *call.network_forwards;
      }
      if (!first && call.state_steps != nullptr) {
        numbers.start_step = *call.state_steps;
        *call.state_steps += call.time_steps;
      }
      first = false;
    });
  }

  void start_backward(Run<S>& run, const BackwardCall& call) {
    const std::int64_t time_steps = run.plan->sizes.time_steps, batch = run.plan->sizes.batch;
    const std::size_t dy_bytes = value_bytes(graph_.output, time_steps, batch);
    const std::size_t dx_bytes = value_bytes(graph_.input, time_steps, batch);
    const std::size_t state_bytes = flat_bytes(run.plan->state_elements);
    StagingIn& in = context_->in();
    in.begin(host_bytes(call.dy, dy_bytes) + host_bytes(call.dstate, state_bytes), run.stream);
    run.dy = in.stage(call.dy, dy_bytes);
    run.dx = call.dx;
    bring(in, call.dstate, run.template pointer<T>(run.plan->state_gradients), state_bytes, run.stream);
    in.end(run.stream);
    context_->out().begin(host_bytes(call.dx, dx_bytes) + host_bytes(call.dstate, state_bytes));
    run.backward_pass = true;
  }

  static std::size_t host_bytes(const void* pointer, std::size_t bytes) {
    return pointer == nullptr || bytes == 0 || is_device_pointer(pointer) ? 0 : bytes;
  }

  void forward_segments(Run<S>& run, bool sequence) {
    for (const Segment& segment : run.plan->program.segments) {
      if (segment.sequence == sequence) run_all(run, segment.forward);
    }
  }

  void backward_segments(Run<S>& run, bool sequence) {
    const auto& segments = run.plan->program.segments;
    if (!sequence) run.window = 0;
    for (auto segment = segments.rbegin(); segment != segments.rend(); ++segment) {
      if (segment->sequence == sequence) run_all(run, segment->backward);
    }
  }

  void run_all(Run<S>& run, const std::vector<Instruction>& instructions) {
    if (!context_->capturing()) check_interrupt();
    for (const Instruction& instruction : instructions) {
      const Runner<S>& runner = *runners_[static_cast<std::size_t>(instruction.node)];
      if (instruction.direction == Direction::backward) {
        runner.backward(run);
      } else if (!run.again || !runner.leaves_time()) {
        runner.forward(run);
      }
      if (copies_from_caller(run, instruction)) context_->in().end(run.stream);
    }
  }

  // A next call waits until the device has read the caller's arrays, not for what is computed from them.
  bool copies_from_caller(const Run<S>& run, const Instruction& instruction) const {
    const std::string& type = graph_.nodes[static_cast<std::size_t>(instruction.node)].type;
    if (instruction.direction == Direction::backward) return type == "Output";
    return type == "Input" && !run.again;
  }

  const Graph& graph_;
  std::shared_ptr<Context> context_;
  std::shared_ptr<Arrays> arrays_;
  HostNumbers host_numbers_;
  std::vector<std::unique_ptr<Runner<S>>> runners_;
  PreparedPlans kept_, passing_;
  Run<S> kept_run_, passing_run_;
};

}  // namespace

std::unique_ptr<Executor> make_executor(const Graph& graph, DType dtype, int device_index) {
  const int count = device_count();
  if (device_index >= count) {
    throw DeviceError("[network] device 'cuda:" + std::to_string(device_index) +
                      "' does not exist: this machine has " + std::to_string(count) +
                      (count == 1 ? " CUDA device, 'cuda:0'" : " CUDA devices, counted from 0"));
  }
  check_capability("device 'cuda'", device_index, least_capability);
  const DeviceGuard guard(device_index);
  return dispatch_float(dtype, [&](auto zero) -> std::unique_ptr<Executor> {
    using T = decltype(zero);
    const auto context = std::make_shared<Context>(device_index);
    return std::make_unique<CudaExecutor<T>>(graph, context,
                                             std::make_shared<NetworkArrays<T>>(graph, context));
  });
}

}  // namespace indrnn::cuda
