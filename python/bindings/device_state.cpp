// indrnn::DeviceState: a network's hidden states in the memory of its GPU.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <string>

#include "any_state.hpp"
#include "indrnn/error.hpp"
#include "register.hpp"

namespace indrnn::python {

namespace {

SharedDeviceState make(const std::shared_ptr<SharedNetwork>& network, std::int64_t batch) {
  return using_network(*network, "device_state", [&](Network& held) {
    return SharedDeviceState{network, std::make_shared<DeviceState>(held.device_state(batch))};
  });
}

DeviceArray view(const SharedDeviceState& self, const std::string& name) {
  for (const State::Entry& entry : self.state->entries) {
    if (entry.name != name) continue;
    DeviceArray array = self.flat();
    TensorView& view = array.view;
    view.data = static_cast<char*>(view.data) + static_cast<std::size_t>(entry.offset) * size_of(view.dtype);
    view.shape = {self.state->batch, entry.features};
    return array;
  }
  throw InvalidArgument("[DeviceState] no entry '" + name + "'");
}

void zero(const SharedDeviceState& self) {
  const DeviceArray flat = self.flat();
  using_network(*self.network, "DeviceState",
                [&](Network& held) { held.context()->zero(flat.view.data, flat.bytes()); });
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
      .def_property_readonly(
          "names",
          [](const SharedDeviceState& self) { return of_entries(self.state->entries, &State::Entry::name); })
      .def_property_readonly("features",
                             [](const SharedDeviceState& self) {
                               return of_entries(self.state->entries, &State::Entry::features);
                             })
      .def_property_readonly("batch", [](const SharedDeviceState& self) { return self.state->batch; })
      .def_property(
          "steps", [](const SharedDeviceState& self) { return self.state->steps; },
          [](const SharedDeviceState& self, std::int64_t steps) {
            self.state->steps = checked_steps("DeviceState", steps);
          })
      .def_property_readonly("flat", &SharedDeviceState::flat)
      .def("view", &view, py::arg("name"))
      .def("zero", &zero)
      .def("copy", &copy);
}

}  // namespace indrnn::python
