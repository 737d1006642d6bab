#include "reduction.hpp"

#include <pybind11/numpy.h>

#include <algorithm>
#include <memory>
#include <string>

#include "indrnn/error.hpp"

namespace indrnn::python {

namespace {

// The function gets an array of Python's own, which it may keep: the engine's numbers are gone after the call.
void call(const py::object& function, std::span<double> values) {
  wait_while_finalizing();
  const py::gil_scoped_acquire acquired;
  py::array_t<double> array(static_cast<py::ssize_t>(values.size()), values.data());
  function(array);
  if (array.size() != static_cast<py::ssize_t>(values.size())) {
    throw InvalidArgument("[set_reduction] function must leave its array at " +
                          std::to_string(values.size()) + " elements, got " + std::to_string(array.size()));
  }
  std::copy_n(array.data(), values.size(), values.data());
}

}  // namespace

Reduction reduction_of(const py::object& function) {
  if (function.is_none()) return nullptr;
  const std::shared_ptr<py::object> held(new py::object(function), [](py::object* object) {
    // The thread that finalizes frees what is left; it holds the lock and must not wait.
    if (PyGILState_Check() == 0) wait_while_finalizing();
    const py::gil_scoped_acquire acquired;
    delete object;
  });
  return [held](std::span<double> values) { call(*held, values); };
}

}  // namespace indrnn::python
