// indrnn_engine._core: the engine for the Python package, which wraps and documents all of it.
#include <pybind11/pybind11.h>

#include "register.hpp"

PYBIND11_MODULE(_core, module, pybind11::mod_gil_not_used()) {
  using namespace indrnn::python;
  module.doc() = "The engine behind indrnn_engine. Private: use the package.";
  register_errors(module);
  register_runtime(module);
  register_state(module);
  register_device_array(module);
  register_device_state(module);
  register_network(module);
  register_ops(module);
  register_losses(module);
  register_optim(module);
  register_captured_step(module);
}
