// What the module is made of: one function per file.
#pragma once

#include <pybind11/pybind11.h>

namespace indrnn::python {

void register_errors(pybind11::module_& module);
void register_runtime(pybind11::module_& module);
void register_state(pybind11::module_& module);
void register_network(pybind11::module_& module);
void register_device_array(pybind11::module_& module);
void register_device_state(pybind11::module_& module);
void register_ops(pybind11::module_& module);
void register_losses(pybind11::module_& module);
void register_optim(pybind11::module_& module);
void register_captured_step(pybind11::module_& module);

}  // namespace indrnn::python
