// The public Network: checks what comes in, then hands it to the executor of the device.
#include "indrnn/network.hpp"

#include <algorithm>

#include "core/check.hpp"
#include "indrnn/error.hpp"
#include "io/spec_json.hpp"
#include "layers/layer.hpp"
#include "plan/call_checks.hpp"
#include "plan/initialize.hpp"
#include "plan/network_implementation.hpp"

namespace indrnn {

namespace {

std::unique_ptr<Executor> start_executor(const Graph& graph, const NetworkOptions& options) {
  if (options.dtype != DType::float32 && options.dtype != DType::float64) {
    throw TypeMismatch(std::string("[network] dtype must be float32 or float64, got ") +
                       name_of(options.dtype));
  }
  return make_executor(options.device, graph, options.dtype);
}

template <class Entry>
std::vector<NamedView> named_views(const std::vector<Entry>& entries, TensorView flat) {
  std::vector<NamedView> views;
  for (const Entry& entry : entries) {
    char* first =
        static_cast<char*>(flat.data) + static_cast<std::size_t>(entry.offset) * size_of(flat.dtype);
    views.push_back({entry.name, {first, entry.shape, flat.dtype}});
  }
  return views;
}

// Fills the entries of a state; returns its elements.
std::int64_t lay_out_state(const char* operation, const Graph& graph, std::int64_t batch,
                           std::vector<State::Entry>& entries) {
  if (batch < 0) fail(operation, "batch", "be at least 0", std::to_string(batch));
  std::int64_t offset = 0;
  for (const StateSlot& slot : graph.states) {
    entries.push_back({slot.name, slot.features, offset});
    std::int64_t elements = 0;
    std::int64_t bytes = 0;
    if (__builtin_mul_overflow(batch, slot.features, &elements) ||
        __builtin_add_overflow(offset, elements, &offset) ||
        __builtin_mul_overflow(offset, sizeof(double), &bytes)) {
      throw OutOfMemory(std::string("[") + operation + "] a state of batch " + std::to_string(batch) +
                        " is larger than any memory");
    }
  }
  return offset;
}

}  // namespace

TensorView State::operator[](const std::string& name) {
  std::string names;
  for (const Entry& entry : entries) {
    if (entry.name == name) {
      char* first = flat.data<char>() + static_cast<std::size_t>(entry.offset) * size_of(flat.dtype());
      return {first, {batch, entry.features}, flat.dtype()};
    }
    names += (names.empty() ? "" : ", ") + entry.name;
  }
  fail("state", "name", "be one of " + names, "'" + name + "'");
}

Network::Network(std::unique_ptr<Implementation> implementation)
    : implementation_(std::move(implementation)) {}
Network::Network(Network&&) noexcept = default;
Network& Network::operator=(Network&&) noexcept = default;
Network::~Network() = default;

Network Network::create(std::span<const nn::LayerSpec> layers, const NetworkOptions& options) {
  Network network = create_unset(layers, options);
  Executor& executor = *network.implementation_->executor;
  const Graph& graph = network.implementation_->graph;
  const TensorView parameters = executor.parameters(), buffers = executor.buffers();
  const auto context = executor.context();
  if (context == nullptr) {
    initialize(graph, options.seed, parameters, buffers);
    return network;
  }
  Tensor first_parameters(parameters.shape, options.dtype), first_buffers(buffers.shape, options.dtype);
  initialize(graph, options.seed, first_parameters.view(), first_buffers.view());
  context->upload(first_parameters.data<void>(), parameters.data, first_parameters.bytes());
  context->upload(first_buffers.data<void>(), buffers.data, first_buffers.bytes());
  return network;
}

Network Network::create_unset(std::span<const nn::LayerSpec> layers, const NetworkOptions& options) {
  auto implementation = std::make_unique<Implementation>();
  implementation->layers = complete_layers(layers, "");
  implementation->options = options;
  implementation->graph = make_graph(implementation->layers, options.input_size);
  implementation->options.input_size = implementation->graph.input_size;
  if (options.memory != "store" && options.memory != "recompute") {
    fail("network", "memory", "be 'store' or 'recompute'", "'" + options.memory + "'");
  }
  implementation->executor = start_executor(implementation->graph, options);
  Executor& executor = *implementation->executor;
  implementation->named_parameters = named_views(implementation->graph.parameters, executor.parameters());
  implementation->named_gradients = named_views(implementation->graph.parameters, executor.gradients());
  implementation->named_buffers = named_views(implementation->graph.buffers, executor.buffers());
  implementation->seed = options.seed;
  return Network(std::move(implementation));
}

Network Network::from_json(const std::string& json, const std::string& device, std::uint64_t seed,
                           const std::string& memory) {
  NetworkDescription description = read_description(json);
  description.options.device = device;
  description.options.seed = seed;
  description.options.memory = memory;
  return create(description.layers, description.options);
}

void Network::set_storage(const std::string& storage) {
  Implementation& self = *implementation_;
  if (storage != "full" && storage != "bfloat16")
    fail("network", "storage", "be 'full' or 'bfloat16'", "'" + storage + "'");
  if (storage == self.storage) return;
  std::unique_ptr<Executor> executor =
      self.executor->with_storage(storage == "full" ? ValueStorage::full : ValueStorage::bfloat16);
  if (executor == nullptr) {
    throw InvalidArgument("[network] storage '" + storage +
                          "' needs a network on a GPU (device 'cuda'), this one is on '" +
                          self.options.device + "'");
  }
  self.executor = std::move(executor);
  self.storage = storage;
  self.kept_time_steps = -1;
}
const std::string& Network::storage() const { return implementation_->storage; }

std::string Network::to_json() const {
  return write_description({implementation_->layers, implementation_->options});
}
const std::vector<nn::LayerSpec>& Network::layers() const { return implementation_->layers; }
const NetworkOptions& Network::options() const { return implementation_->options; }
bool Network::takes_indices() const { return implementation_->graph.takes_indices(); }

Shape Network::output_shape(std::int64_t time_steps, std::int64_t batch) const {
  return implementation_->sequence_shape(time_steps, batch, implementation_->output());
}

State Network::initial_state(std::int64_t batch) const {
  State state;
  state.batch = batch;
  state.flat = Tensor({lay_out_state("initial_state", implementation_->graph, batch, state.entries)},
                      implementation_->options.dtype);
  return state;
}

DeviceState Network::device_state(std::int64_t batch) const {
  const auto device = context();
  if (device == nullptr) {
    throw InvalidArgument("[device_state] needs a network on a GPU (device 'cuda'), this one is on '" +
                          implementation_->options.device + "'");
  }
  DeviceState state;
  state.batch = batch;
  const DType dtype = implementation_->options.dtype;
  const std::int64_t elements = lay_out_state("device_state", implementation_->graph, batch, state.entries);
  state.memory = device->allocate(static_cast<std::size_t>(elements) * size_of(dtype));
  state.flat = {state.memory.get(), {elements}, dtype};
  return state;
}

void Network::forward(ConstTensorView x, TensorView y, State& state, const ForwardOptions& options) {
  implementation_->forward(x, y, StateReference(state), options);
}

void Network::forward(ConstTensorView x, TensorView y, DeviceState& state, const ForwardOptions& options) {
  implementation_->forward(x, y, StateReference(state), options);
}

void Network::forward(ConstTensorView x, TensorView y, const ForwardOptions& options) {
  if (context() != nullptr) return implementation_->forward(x, y, std::nullopt, options);
  check_input("forward", implementation_->graph, implementation_->options.dtype, x, false);
  State state = initial_state(x.shape[1]);
  forward(x, y, state, options);
}

Tensor Network::forward(ConstTensorView x, const ForwardOptions& options) {
  check_input("forward", implementation_->graph, implementation_->options.dtype, x, false);
  Tensor y(output_shape(x.shape[0], x.shape[1]), implementation_->options.dtype);
  forward(x, y.view(), options);
  return y;
}

void Network::backward(ConstTensorView dy, TensorView dx, State* dstate) {
  std::optional<StateReference> reference;
  if (dstate != nullptr) reference.emplace(*dstate);
  implementation_->backward(dy, dx, reference);
}

void Network::backward(ConstTensorView dy, TensorView dx, DeviceState& dstate) {
  implementation_->backward(dy, dx, StateReference(dstate));
}

void Network::step(ConstTensorView x, TensorView y, State& state) {
  implementation_->step(x, y, StateReference(state));
}
void Network::step(ConstTensorView x, TensorView y, DeviceState& state) {
  implementation_->step(x, y, StateReference(state));
}

std::shared_ptr<DeviceContext> Network::context() const { return implementation_->executor->context(); }

TensorView Network::parameters() { return implementation_->executor->parameters(); }
TensorView Network::gradients() { return implementation_->executor->gradients(); }

const std::vector<NamedView>& Network::named_parameters() const { return implementation_->named_parameters; }
const std::vector<NamedView>& Network::named_gradients() const { return implementation_->named_gradients; }
const std::vector<NamedView>& Network::named_buffers() const { return implementation_->named_buffers; }

void Network::zero_gradients() {
  const TensorView flat = gradients();
  if (const auto device = context(); device != nullptr) {
    return device->zero(flat.data, static_cast<std::size_t>(flat.shape.elements()) * size_of(flat.dtype));
  }
  std::fill_n(flat.as<std::uint8_t>(), static_cast<std::size_t>(flat.shape.elements()) * size_of(flat.dtype),
              std::uint8_t{0});
}

std::size_t Network::workspace_bytes(std::int64_t time_steps, std::int64_t batch, bool training,
                                     bool keep) const {
  return implementation_->executor->workspace_bytes(implementation_->mode_of(training, keep), time_steps,
                                                    batch);
}

std::string Network::describe_plan(std::int64_t time_steps, std::int64_t batch, bool training) const {
  return implementation_->executor->describe_plan(implementation_->mode_of(training, training), time_steps,
                                                  batch);
}

}  // namespace indrnn
