#pragma once

#include <pybind11/pybind11.h>

#include <memory>

#include "shared_network.hpp"

namespace indrnn::python {

using SharedNetworkClass = py::class_<SharedNetwork, std::shared_ptr<SharedNetwork>>;

void register_model_file(py::module_& module, SharedNetworkClass& network);

}  // namespace indrnn::python
