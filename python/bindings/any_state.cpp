#include "any_state.hpp"

#include <string>

#include "backend/device_context.hpp"
#include "indrnn/error.hpp"

namespace indrnn::python {

AnyState state_of(py::handle object, SharedNetwork& network, const char* operation, std::int64_t batch) {
  if (object.is_none()) return std::make_shared<State>(network.network.initial_state(batch));
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
  const TensorView& flat = copy->flat;
  held.context()->copy(given.state->flat.data, flat.data,
                       static_cast<std::size_t>(flat.shape.elements()) * size_of(flat.dtype));
  return SharedDeviceState{given.network, std::move(copy)};
}

py::object object_of(const AnyState& state) {
  return std::visit([](const auto& held) { return py::cast(held); }, state);
}

}  // namespace indrnn::python
