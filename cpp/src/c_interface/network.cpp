#include <cstring>
#include <span>
#include <string>

#include "c_interface/guard.hpp"

using namespace indrnn;
using namespace indrnn::c_interface;

namespace {

bool gives_sequence(const Network& network) { return network.output_shape(1, 1).rank() == 3; }

std::int64_t output_size(const Network& network) {
  const Shape shape = network.output_shape(1, 1);
  return shape[shape.rank() - 1];
}

ConstTensorView input_view(const Network& network, const void* x, Shape shape) {
  if (network.takes_indices()) return {x, shape, DType::int64};
  shape.append(network.options().input_size);
  return {x, shape, network.options().dtype};
}

void check_sizes(std::int64_t time_steps, std::int64_t batch) {
  if (time_steps < 0)
    throw InvalidArgument("time_steps must be at least 0, got " + std::to_string(time_steps));
  if (batch < 0) throw InvalidArgument("batch must be at least 0, got " + std::to_string(batch));
}

State& zero_state(indrnn_network& handle, std::int64_t batch) {
  if (handle.zero.batch != batch || handle.zero.entries.empty())
    handle.zero = handle.network.initial_state(batch);
  if (handle.zero.flat.bytes() > 0) std::memset(handle.zero.flat.data<void>(), 0, handle.zero.flat.bytes());
  handle.zero.steps = 0;
  return handle.zero;
}

}  // namespace

void indrnn::c_interface::run_forward(indrnn_network& handle, std::int64_t time_steps, std::int64_t batch,
                                      const void* x, void* y, State* state, const std::int64_t* lengths,
                                      bool training) {
  check_sizes(time_steps, batch);
  Network& network = handle.network;
  ForwardOptions options{.training = training};
  if (lengths != nullptr) options.lengths = {lengths, Shape{batch}, DType::int64};
  if (training) handle.kept_time_steps = -1;  // until this one has succeeded
  network.forward(input_view(network, x, {time_steps, batch}),
                  {y, network.output_shape(time_steps, batch), network.options().dtype},
                  state != nullptr ? *state : zero_state(handle, batch), options);
  if (training) handle.kept_time_steps = time_steps, handle.kept_batch = batch;
}

indrnn_status indrnn_network_create(const char* json, uint64_t seed, indrnn_network** network) noexcept {
  return guarded([&] {
    require(json, "json"), require(network, "network");
    *network = new indrnn_network{Network::from_json(json, "cpu", seed)};
  });
}

indrnn_status indrnn_network_load(const char* path, indrnn_network** network) noexcept {
  return guarded([&] {
    require(path, "path"), require(network, "network");
    *network = new indrnn_network{Network::load(path)};
  });
}

indrnn_status indrnn_network_load_memory(const void* data, size_t bytes, indrnn_network** network) noexcept {
  return guarded([&] {
    require(data, "data"), require(network, "network");
    *network = new indrnn_network{Network::from_bytes({static_cast<const std::byte*>(data), bytes})};
  });
}

indrnn_status indrnn_network_save(const indrnn_network* network, const char* path) noexcept {
  return guarded([&] {
    require(network, "network"), require(path, "path");
    network->network.save(path);
  });
}

void indrnn_network_free(indrnn_network* network) noexcept { delete network; }

int indrnn_network_dtype(const indrnn_network* network) noexcept {
  if (network == nullptr) return -1;
  return network->network.options().dtype == DType::float64 ? INDRNN_FLOAT64 : INDRNN_FLOAT32;
}
int indrnn_network_takes_indices(const indrnn_network* network) noexcept {
  return network == nullptr ? -1 : network->network.takes_indices();
}
int indrnn_network_gives_sequence(const indrnn_network* network) noexcept {
  return network == nullptr ? -1 : gives_sequence(network->network);
}
int64_t indrnn_network_input_size(const indrnn_network* network) noexcept {
  return network == nullptr ? -1 : network->network.options().input_size;
}
int64_t indrnn_network_output_size(const indrnn_network* network) noexcept {
  return network == nullptr ? -1 : output_size(network->network);
}
int64_t indrnn_network_num_parameters(const indrnn_network* network) noexcept {
  if (network == nullptr) return -1;
  int64_t count = 0;
  for (const NamedView& named : network->network.named_parameters()) count += named.view.shape.elements();
  return count;
}

void* indrnn_network_parameters(indrnn_network* network) noexcept {
  return network == nullptr ? nullptr : network->network.parameters().data;
}
void* indrnn_network_gradients(indrnn_network* network) noexcept {
  return network == nullptr ? nullptr : network->network.gradients().data;
}

indrnn_status indrnn_network_find_parameter(const indrnn_network* network, const char* name, int64_t* offset,
                                            int64_t shape[2]) noexcept {
  return guarded([&] {
    require(network, "network"), require(name, "name"), require(offset, "offset"), require(shape, "shape");
    std::int64_t reached = 0;
    std::string names;
    for (const auto& [known, view] : network->network.named_parameters()) {
      if (known == name) {
        *offset = reached;
        shape[0] = view.shape[0];
        shape[1] = view.shape.rank() > 1 ? view.shape[1] : 1;
        return;
      }
      reached += view.shape.elements();
      names += (names.empty() ? "" : ", ") + known;
    }
    throw InvalidArgument("name must be one of " + names + "; got '" + name + "'");
  });
}

indrnn_status indrnn_state_create(const indrnn_network* network, int64_t batch,
                                  indrnn_state** state) noexcept {
  return guarded([&] {
    require(network, "network"), require(state, "state");
    *state = new indrnn_state{network->network.initial_state(batch)};
  });
}

void indrnn_state_reset(indrnn_state* state) noexcept {
  if (state == nullptr) return;
  if (state->state.flat.bytes() > 0)
    std::memset(state->state.flat.data<void>(), 0, state->state.flat.bytes());
  state->state.steps = 0;
}

void indrnn_state_free(indrnn_state* state) noexcept { delete state; }

indrnn_status indrnn_network_forward(indrnn_network* network, int64_t time_steps, int64_t batch,
                                     const void* x, void* y, indrnn_state* state, const int64_t* lengths,
                                     int training) noexcept {
  return guarded([&] {
    require(network, "network");
    run_forward(*network, time_steps, batch, x, y, state != nullptr ? &state->state : nullptr, lengths,
                training != 0);
  });
}

indrnn_status indrnn_network_backward(indrnn_network* network, const void* dy, void* dx) noexcept {
  return guarded([&] {
    require(network, "network"), require(dy, "dy");
    Network& held = network->network;
    const std::int64_t time_steps = network->kept_time_steps, batch = network->kept_batch;
    if (time_steps < 0) throw InvalidArgument("[backward] needs a forward in training before it");
    TensorView dx_view;
    if (dx != nullptr) dx_view = {dx, {time_steps, batch, held.options().input_size}, held.options().dtype};
    held.backward({dy, held.output_shape(time_steps, batch), held.options().dtype}, dx_view);
    network->kept_time_steps = -1;
  });
}

indrnn_status indrnn_network_set_reduction(indrnn_network* network,
                                           const indrnn_reduction* reduction) noexcept {
  return guarded([&] {
    require(network, "network");
    if (reduction == nullptr) return network->network.set_reduction(nullptr);
    require(reinterpret_cast<const void*>(reduction->sum), "reduction->sum");
    network->network.set_reduction([held = *reduction](std::span<double> values) {
      const int result = held.sum(held.context, values.data(), values.size());
      if (result != 0) throw Error("the reduction failed: it gave " + std::to_string(result));
    });
  });
}

indrnn_status indrnn_network_set_first_sample(indrnn_network* network, int64_t index) noexcept {
  return guarded([&] {
    require(network, "network");
    network->network.set_first_sample(index);
  });
}

indrnn_status indrnn_network_zero_gradients(indrnn_network* network) noexcept {
  return guarded([&] {
    require(network, "network");
    network->network.zero_gradients();
  });
}

indrnn_status indrnn_network_step(indrnn_network* network, int64_t batch, const void* x, void* y,
                                  indrnn_state* state) noexcept {
  return guarded([&] {
    require(network, "network"), require(state, "state");
    check_sizes(0, batch);
    Network& held = network->network;
    held.step(input_view(held, x, {batch}), {y, {batch, output_size(held)}, held.options().dtype},
              state->state);
  });
}
