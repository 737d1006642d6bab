// Losses of a network's outputs in device memory; the loss comes to the host, the gradient stays on the device.
#pragma once

#include "device_array.hpp"

namespace indrnn::python {

py::tuple device_softmax_cross_entropy(py::handle logits, py::handle targets, py::handle mask,
                                       py::handle out);
py::tuple device_mean_squared_error(py::handle prediction, py::handle target, py::handle mask,
                                    py::handle out);

}  // namespace indrnn::python
