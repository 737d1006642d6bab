#include "any_state.hpp"

#include <string>

#include "indrnn/error.hpp"

namespace indrnn::python {

AnyState state_of(py::handle object, SharedNetwork& network, const char* operation, std::int64_t batch) {
  if (object.is_none()) return copy_or_zero(network.network, nullptr, batch);
  if (!py::isinstance<SharedDeviceState>(object)) return object.cast<std::shared_ptr<State>>();
  auto given = object.cast<SharedDeviceState>();
  if (given.network.get() != &network) {
    throw InvalidArgument(std::string("[") + operation +
                          "] state is a DeviceState of another network; DeviceState.to_host() gives one "
                          "that any network of these layers takes");
  }
  return given;
}

AnyState copy_of(const AnyState& state, const Network& held) {
  if (const auto* host = std::get_if<std::shared_ptr<State>>(&state)) return std::make_shared<State>(**host);
  const auto& given = std::get<SharedDeviceState>(state);
  auto copy = std::make_shared<DeviceState>(held.device_state(given.state->batch));
  copy->steps = given.state->steps;
  const DeviceArray from = given.flat();
  held.context()->copy(from.view.data, copy->flat.data, from.bytes());
  return SharedDeviceState{given.network, std::move(copy)};
}

std::shared_ptr<State> copy_or_zero(const Network& network, const State* state, std::int64_t batch) {
  return state != nullptr ? std::make_shared<State>(*state)
                          : std::make_shared<State>(network.initial_state(batch));
}

std::int64_t checked_steps(const char* owner, std::int64_t steps) {
  if (steps >= 0) return steps;
  throw InvalidArgument(std::string("[") + owner + "] steps must not be negative, got " +
                        std::to_string(steps));
}

py::object object_of(const AnyState& state) {
  return std::visit([](const auto& held) { return py::cast(held); }, state);
}

}  // namespace indrnn::python
