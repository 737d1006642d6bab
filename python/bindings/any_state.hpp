// The hidden states that Python gives and gets: a State on the host, or a DeviceState in the memory of a GPU.
#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <memory>
#include <variant>

#include "shared_network.hpp"

namespace indrnn::python {

namespace py = pybind11;

// Bound as DeviceState, and used in the order of its network's queue.
struct SharedDeviceState {
  std::shared_ptr<SharedNetwork> network;
  std::shared_ptr<DeviceState> state;

  DeviceState& operator*() const { return *state; }
};

using AnyState = std::variant<std::shared_ptr<State>, SharedDeviceState>;

// What was given; for None a zero State. Throws for a DeviceState of another network.
AnyState state_of(py::handle object, SharedNetwork& network, const char* operation, std::int64_t batch);

// An independent copy; while `held` is the network in use.
AnyState copy_of(const AnyState& state, const Network& held);

// use(State&) or use(DeviceState&).
template <class Use>
void with_state(const AnyState& state, Use&& use) {
  std::visit([&](const auto& held) { use(*held); }, state);
}

py::object object_of(const AnyState& state);

}  // namespace indrnn::python
