// The engine's errors as Python exceptions.
#include "indrnn/error.hpp"

#include <cerrno>

#include "register.hpp"

namespace indrnn::python {

void register_errors(pybind11::module_&) {
  pybind11::register_local_exception_translator([](std::exception_ptr error) {
    try {
      if (error) std::rethrow_exception(error);
    } catch (const InvalidArgument& invalid) {
      PyErr_SetString(PyExc_ValueError, invalid.what());
    } catch (const TypeMismatch& mismatch) {
      PyErr_SetString(PyExc_TypeError, mismatch.what());
    } catch (const OutOfMemory& memory) {
      PyErr_SetString(PyExc_MemoryError, memory.what());
    } catch (const FileError& file) {  // with the error's number OSError picks FileNotFoundError and the like
      const pybind11::object path = pybind11::reinterpret_steal<pybind11::object>(
          PyUnicode_DecodeFSDefaultAndSize(file.path.data(), static_cast<Py_ssize_t>(file.path.size())));
      errno = file.code;
      PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, path.ptr());
    } catch (const Interrupted& interrupted) {
      // interrupt_pending left the signal handler's own exception in place: KeyboardInterrupt, or another.
      if (PyErr_Occurred() == nullptr) PyErr_SetString(PyExc_KeyboardInterrupt, interrupted.what());
    } catch (const Error& other) {  // DeviceError and whatever is added later
      PyErr_SetString(PyExc_RuntimeError, other.what());
    }
  });
}

}  // namespace indrnn::python
