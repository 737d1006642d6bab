// Threads, version, instruction set, and Ctrl-C.
#include "indrnn/threads.hpp"
#include "indrnn/version.hpp"
#include "interpreter.hpp"
#include "register.hpp"

namespace indrnn::python {

void register_runtime(py::module_& module) {
  module.def("version", &version);
  module.def("instruction_set", &instruction_set);
  module.def("blas_name", &blas_name);
  module.def("num_threads", [] { return without_interpreter([] { return num_threads(); }); });
  module.def(
      "set_num_threads", [](int count) { without_interpreter([&] { set_num_threads(count); }); },
      py::arg("count"));

  set_interrupt_check(&interrupt_pending);
  const auto turn_off = py::cpp_function([] { set_interrupt_check(nullptr); });
  py::module_::import("atexit").attr("register")(turn_off);
}

}  // namespace indrnn::python
