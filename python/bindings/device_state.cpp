// indrnn::DeviceState: a network's hidden states in the memory of its GPU.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "any_state.hpp"
#include "device_array.hpp"
#include "indrnn/error.hpp"
#include "register.hpp"

namespace indrnn::python {

namespace {

SharedDeviceState make(const std::shared_ptr<SharedNetwork>& network, std::int64_t batch) {
  return without_interpreter([&] {
    return SharedDeviceState{network, std::make_shared<DeviceState>(network->network.device_state(batch))};
  });
}

// The part of the flat state from `offset` on.
DeviceArray part(const SharedDeviceState& self, std::int64_t offset, const Shape& shape) {
  const TensorView& flat = self.state->flat;
  char* first = static_cast<char*>(flat.data) + static_cast<std::size_t>(offset) * size_of(flat.dtype);
  return {self.network, self.state->memory, {first, shape, flat.dtype}};
}

DeviceArray view(const SharedDeviceState& self, const std::string& name) {
  for (const State::Entry& entry : self.state->entries) {
    if (entry.name == name) return part(self, entry.offset, {self.state->batch, entry.features});
  }
  throw InvalidArgument("[DeviceState] no entry '" + name + "'");
}

template <class Member>
auto of_entries(Member State::Entry::* member) {
  return [member](const SharedDeviceState& self) {
    std::vector<Member> result;
    for (const State::Entry& entry : self.state->entries) result.push_back(entry.*member);
    return result;
  };
}

void set_steps(const SharedDeviceState& self, std::int64_t steps) {
  if (steps < 0)
    throw InvalidArgument("[DeviceState] steps must not be negative, got " + std::to_string(steps));
  self.state->steps = steps;
}

void zero(const SharedDeviceState& self) {
  const TensorView& flat = self.state->flat;
  using_network(*self.network, "DeviceState", [&](Network& held) {
    held.context()->zero(flat.data, static_cast<std::size_t>(flat.shape.elements()) * size_of(flat.dtype));
  });
  self.state->steps = 0;
}

SharedDeviceState copy(const SharedDeviceState& self) {
  return std::get<SharedDeviceState>(using_network(
      *self.network, "DeviceState", [&](Network& held) { return copy_of(AnyState(self), held); }));
}

}  // namespace

void register_device_state(py::module_& module) {
  py::class_<SharedDeviceState>(module, "DeviceState")
      .def(py::init(&make), py::arg("network"), py::arg("batch"))
      .def_property_readonly("names", of_entries(&State::Entry::name))
      .def_property_readonly("features", of_entries(&State::Entry::features))
      .def_property_readonly("batch", [](const SharedDeviceState& self) { return self.state->batch; })
      .def_property(
          "steps", [](const SharedDeviceState& self) { return self.state->steps; }, &set_steps)
      .def_property_readonly(
          "flat", [](const SharedDeviceState& self) { return part(self, 0, self.state->flat.shape); })
      .def("view", &view, py::arg("name"))
      .def("zero", &zero)
      .def("copy", &copy);
}

}  // namespace indrnn::python
