// Letting go of the interpreter lock around engine calls, and Ctrl-C inside them.
#pragma once

#include <pybind11/pybind11.h>

#include <utility>

namespace indrnn::python {

namespace py = pybind11;

// Does not return while the interpreter shuts down: a thread that asked for the lock then would be ended.
void wait_while_finalizing();

// Holds no interpreter lock while it lives. Unlike py::gil_scoped_release it parks a daemon thread that comes back
// while the interpreter shuts down, where taking the lock would end the thread inside a destructor and so the process.
class ReleasedInterpreter {
 public:
  ReleasedInterpreter();
  ~ReleasedInterpreter();
  ReleasedInterpreter(const ReleasedInterpreter&) = delete;
  ReleasedInterpreter& operator=(const ReleasedInterpreter&) = delete;

 private:
  PyThreadState* thread_;
};

template <class Work>
auto without_interpreter(Work&& work) {
  const ReleasedInterpreter released;
  return std::forward<Work>(work)();
}

// Whether a signal handler asked this call to stop (Ctrl-C); called without the interpreter lock.
// The exception it raised stays set in this thread and is what the Python caller sees.
bool interrupt_pending();

}  // namespace indrnn::python
