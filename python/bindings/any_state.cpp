#include "any_state.hpp"

#include <string>

#include "indrnn/error.hpp"

namespace indrnn::python {

AnyState state_of(py::handle object, SharedNetwork& network, const Argument& argument, std::int64_t batch) {
  if (object.is_none()) return std::make_shared<State>(network.network.initial_state(batch));
  if (!py::isinstance<SharedDeviceState>(object)) return object.cast<std::shared_ptr<State>>();
  auto given = object.cast<SharedDeviceState>();
  if (given.network.get() != &network) {
    throw InvalidArgument(argument.prefix() +
                          " is a DeviceState of another network; DeviceState.to_host() gives one that any "
                          "network of these layers takes");
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

std::int64_t checked_steps(const char* owner, std::int64_t steps) {
  if (steps >= 0) return steps;
  throw InvalidArgument(std::string("[") + owner + "] steps must not be negative, got " +
                        std::to_string(steps));
}

AnyState run_backward(SharedNetwork& shared, const KeptForward& kept, ConstTensorView dy, TensorView dx,
                      const AnyState& dstate) {
  AnyState gradient;
  using_network(shared, "backward", [&](Network& held) {
    if (shared.kept != kept)
      throw InvalidArgument("[backward] another thread has used the network since its forward");
    gradient = copy_of(dstate, held);
    if (const auto* host = std::get_if<std::shared_ptr<State>>(&gradient)) {
      held.backward(dy, dx, host->get());
    } else {
      held.backward(dy, dx, *std::get<SharedDeviceState>(gradient));
    }
    shared.kept.reset();
  });
  return gradient;
}

py::object object_of(const AnyState& state) {
  return std::visit([](const auto& held) { return py::cast(held); }, state);
}

}  // namespace indrnn::python
