// Networks in and out of model files.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <string>

#include "indrnn/network.hpp"
#include "model_file.hpp"

namespace indrnn::python {

namespace {

std::shared_ptr<SharedNetwork> load(const std::string& path, const std::string& device,
                                    const std::string& memory) {
  return without_interpreter(
      [&] { return std::make_shared<SharedNetwork>(Network::load(path, {device, memory})); });
}

std::shared_ptr<SharedNetwork> from_bytes(const py::buffer& data, const std::string& device,
                                          const std::string& memory) {
  Py_buffer view;
  if (PyObject_GetBuffer(data.ptr(), &view, PyBUF_SIMPLE) != 0) throw py::error_already_set();
  const std::unique_ptr<Py_buffer, void (*)(Py_buffer*)> held(&view, PyBuffer_Release);
  const std::span<const std::byte> bytes(static_cast<const std::byte*>(view.buf),
                                         static_cast<std::size_t>(view.len));
  return without_interpreter(
      [&] { return std::make_shared<SharedNetwork>(Network::from_bytes(bytes, {device, memory})); });
}

py::bytes to_bytes(SharedNetwork& self, const Metadata& metadata) {
  const std::vector<std::byte> bytes =
      using_network(self, "save", [&](Network& held) { return held.to_bytes(metadata); });
  return py::bytes(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

}  // namespace

void register_model_file(py::module_& module, SharedNetworkClass& network) {
  network.def_static("load", &load, py::arg("path"), py::arg("device"), py::arg("memory"))
      .def_static("from_bytes", &from_bytes, py::arg("data"), py::arg("device"), py::arg("memory"))
      .def("to_bytes", &to_bytes, py::arg("metadata"));
  module.def(
      "read_metadata",
      [](const std::string& path) { return without_interpreter([&] { return read_metadata(path); }); },
      py::arg("path"));
}

}  // namespace indrnn::python
