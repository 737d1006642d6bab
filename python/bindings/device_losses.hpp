// Losses of a network's outputs in device memory; the loss comes to the host, the gradient stays on the device.
#pragma once

#include <cstdint>
#include <optional>

#include "device_array.hpp"

namespace indrnn::python {

// Throws for a class outside of [0, classes) in a row that counts.
void check_targets(const char* operation, const py::array& targets, const std::optional<py::array>& mask,
                   std::int64_t classes);

py::tuple device_softmax_cross_entropy(py::handle logits, py::handle targets, py::handle mask,
                                       py::handle out);
py::tuple device_mean_squared_error(py::handle prediction, py::handle target, py::handle mask,
                                    py::handle out);

}  // namespace indrnn::python
