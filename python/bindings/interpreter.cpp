#include "interpreter.hpp"

#include <unistd.h>

#include <chrono>

namespace indrnn::python {

namespace {

bool finalizing() {
#if PY_VERSION_HEX >= 0x030D0000
  return Py_IsFinalizing() != 0;
#else
  return _Py_IsFinalizing() != 0;
#endif
}

}  // namespace

void wait_while_finalizing() {
  while (finalizing()) pause();  // only daemon threads come here; the process is about to end
}

ReleasedInterpreter::ReleasedInterpreter() : thread_(PyEval_SaveThread()) {}

ReleasedInterpreter::~ReleasedInterpreter() {
  wait_while_finalizing();
  PyEval_RestoreThread(thread_);
}

bool interrupt_pending() {
  // Waiting for the interpreter lock may take a few milliseconds when other Python threads are busy: ask rarely.
  constexpr std::chrono::milliseconds pause_between(50);
  thread_local auto last = std::chrono::steady_clock::time_point();
  const auto now = std::chrono::steady_clock::now();
  if (now - last < pause_between) return false;
  last = now;
  // A thread Python does not know (the host called the engine from C++) has no signals to handle.
  if (Py_IsInitialized() == 0 || finalizing() || PyGILState_GetThisThreadState() == nullptr) return false;
  const py::gil_scoped_acquire acquired;
  return PyErr_CheckSignals() != 0;
}

}  // namespace indrnn::python
