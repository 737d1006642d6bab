// indrnn::State: what a network carries from one call to the next.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "any_state.hpp"
#include "arrays.hpp"
#include "indrnn/error.hpp"
#include "indrnn/network.hpp"
#include "register.hpp"

namespace indrnn::python {

namespace {

// A state from its parts, as a pickle holds them.
std::shared_ptr<State> from_parts(const std::vector<std::string>& names,
                                  const std::vector<std::int64_t>& features, std::int64_t batch,
                                  std::int64_t steps, py::handle flat) {
  const py::array values = float_array(flat, {"State", "flat", "[elements]"});
  if (names.size() != features.size())
    throw InvalidArgument("[State] names and features must be of one length");
  if (batch < 0 || steps < 0) throw InvalidArgument("[State] batch and steps must not be negative");
  auto state = std::make_shared<State>();
  std::int64_t offset = 0;
  for (std::size_t entry = 0; entry < names.size(); ++entry) {
    const std::int64_t room = values.size() - offset;
    if (features[entry] < 0 || (batch > 0 && features[entry] > room / batch)) {
      throw InvalidArgument("[State] flat is too short for the entries, got " +
                            std::to_string(values.size()) + " elements");
    }
    state->entries.push_back({names[entry], features[entry], offset});
    offset += features[entry] * batch;
  }
  if (offset != values.size()) {
    throw InvalidArgument("[State] flat must have " + std::to_string(offset) + " elements, got " +
                          std::to_string(values.size()));
  }
  state->batch = batch;
  state->steps = steps;
  state->flat = Tensor(Shape{offset}, dtype_of_array(values));
  if (values.nbytes() > 0)
    std::memcpy(state->flat.view().data, values.data(), static_cast<std::size_t>(values.nbytes()));
  return state;
}

}  // namespace

void register_state(py::module_& module) {
  py::class_<State, std::shared_ptr<State>>(module, "State")
      .def_static("from_parts", &from_parts, py::arg("names"), py::arg("features"), py::arg("batch"),
                  py::arg("steps"), py::arg("flat"))
      .def_property_readonly(
          "names", [](const State& state) { return of_entries(state.entries, &State::Entry::name); })
      .def_property_readonly(
          "features", [](const State& state) { return of_entries(state.entries, &State::Entry::features); })
      .def_readonly("batch", &State::batch)
      .def_property(
          "steps", [](const State& state) { return state.steps; },
          [](State& state, std::int64_t steps) { state.steps = checked_steps("State", steps); })
      .def("copy", [](const State& state) { return std::make_shared<State>(state); })
      .def_property_readonly(
          "flat", [](const py::object& self) { return array_over(self.cast<State&>().flat.view(), self); })
      .def(
          "view",
          [](const py::object& self, const std::string& name) {
            return array_over(self.cast<State&>()[name], self);
          },
          py::arg("name"));
}

}  // namespace indrnn::python
