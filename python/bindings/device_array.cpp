#include "device_array.hpp"

#include <pybind11/pybind11.h>

#include <optional>
#include <string>
#include <vector>

#include "device_export.hpp"
#include "register.hpp"

namespace indrnn::python {

namespace {

constexpr const char* description =
    R"(An array in the memory of a GPU: what a network there holds, and what it gives for such inputs.

C-contiguous; float32, float64, int64 or bool. `numpy()`, `np.asarray(a)` and `a[key]` copy to the
host and wait for the device; `a[key] = values` copies to the device, by NumPy's rules. CuPy,
PyTorch, JAX and others take it without a copy, by DLPack or `__cuda_array_interface__`, and a
network takes their arrays the same way: both protocols say how the two sides wait for each other.)";

py::tuple shape_tuple(const Shape& shape) {
  py::list sizes;
  for (int axis = 0; axis < shape.rank(); ++axis) sizes.append(shape[axis]);
  return py::tuple(sizes);
}

void upload(const DeviceArray& array, const py::array& host) {
  const void* from = host.data();
  using_network(*array.network, "DeviceArray",
                [&](Network&) { array.context()->upload(from, array.view.data, array.bytes()); });
}

// The array with NumPy's rules of assignment: values are broadcast and cast.
void assign(const DeviceArray& array, py::handle key, py::handle values) {
  const bool whole =
      key.is(py::ellipsis()) ||
      (py::isinstance<py::slice>(key) && key.equal(py::slice(std::nullopt, std::nullopt, std::nullopt)));
  if (whole && is_device_array(values)) {
    DeviceInputs inputs(array.network);
    const ConstTensorView from = inputs.take(values, {"DeviceArray", "values"}, array.view.dtype);
    if (!(from.shape == array.view.shape)) {
      throw py::value_error("[DeviceArray] values must have shape " + array.view.shape.to_string() +
                            ", got " + from.shape.to_string());
    }
    using_network(*array.network, "DeviceArray",
                  [&](Network&) { array.context()->copy(from.data, array.view.data, array.bytes()); });
    return;
  }
  py::array host = whole ? new_array(array.view.dtype, array.view.shape) : to_numpy(array);
  host.attr("__setitem__")(key, values);
  upload(array, host);
}

// For numpy.asarray: always a copy.
py::object as_numpy(const DeviceArray& array, const py::object& dtype, const py::object& copy) {
  if (!copy.is_none() && !copy.cast<bool>()) {
    throw py::value_error(
        "[DeviceArray] an array in device memory cannot become a NumPy array without a copy");
  }
  py::object result = to_numpy(array);
  return dtype.is_none() ? result : result.attr("astype")(dtype, py::arg("copy") = false);
}

DeviceArray to_device(py::handle object, const std::shared_ptr<SharedNetwork>& network) {
  const Argument argument{"to_device", "array"};
  if (network->network.context() == nullptr) {
    throw py::value_error("[to_device] network must be on a CUDA device, got one on " +
                          network->network.options().device);
  }
  const py::array host = any_input_array(object, argument);
  DeviceArray array = new_device_array(network, dtype_of_array(host), shape_of(host));
  upload(array, host);
  return array;
}

std::string repr(const DeviceArray& array) {
  return "DeviceArray(shape=" + std::string(py::str(shape_tuple(array.view.shape))) +
         ", dtype=" + name_of(array.view.dtype) + ", device='" + array.context()->device() + "')";
}

}  // namespace

DeviceArray new_device_array(const std::shared_ptr<SharedNetwork>& network, DType dtype, const Shape& shape) {
  const std::size_t bytes = static_cast<std::size_t>(shape.elements()) * size_of(dtype);
  std::shared_ptr<void> memory = using_network(
      *network, "DeviceArray", [&](Network& held) { return held.context()->allocate_unset(bytes); });
  void* data = memory.get();
  return {network, std::move(memory), {data, shape, dtype}};
}

py::object owned_array(const std::shared_ptr<SharedNetwork>& network, const TensorView& view,
                       py::handle owner) {
  if (network->network.context() == nullptr) return array_over(view, owner);
  return py::cast(DeviceArray{network, nullptr, view});
}

py::array to_numpy(const DeviceArray& array) {
  py::array result = new_array(array.view.dtype, array.view.shape);
  void* to = result.mutable_data();
  using_network(*array.network, "DeviceArray",
                [&](Network&) { array.context()->download(array.view.data, to, array.bytes()); });
  return result;
}

void register_device_array(py::module_& module) {
  py::class_<DeviceArray>(module, "DeviceArray", description)
      .def_property_readonly("shape", [](const DeviceArray& self) { return shape_tuple(self.view.shape); })
      .def_property_readonly("dtype", [](const DeviceArray& self) { return numpy_dtype(self.view.dtype); })
      .def_property_readonly("ndim", [](const DeviceArray& self) { return self.view.shape.rank(); })
      .def_property_readonly("size", [](const DeviceArray& self) { return self.view.shape.elements(); })
      .def_property_readonly("nbytes", [](const DeviceArray& self) { return self.bytes(); })
      .def_property_readonly("device", [](const DeviceArray& self) { return self.context()->device(); })
      .def("numpy", &to_numpy)
      .def("__array__", &as_numpy, py::arg("dtype") = py::none(), py::arg("copy") = py::none())
      .def("__len__",
           [](const DeviceArray& self) {
             if (self.view.shape.rank() == 0) throw py::type_error("[DeviceArray] len() of a single number");
             return self.view.shape[0];
           })
      .def("__getitem__",
           [](const DeviceArray& self, py::handle key) { return to_numpy(self).attr("__getitem__")(key); })
      .def("__setitem__", &assign)
      .def("__repr__", &repr)
      .def_property_readonly("__cuda_array_interface__", &cuda_array_interface)
      .def("__dlpack_device__", &dlpack_device)
      .def("__dlpack__", &dlpack_capsule, py::kw_only(), py::arg("stream") = py::none(),
           py::arg("max_version") = py::none(), py::arg("dl_device") = py::none(),
           py::arg("copy") = py::none());
  module.def("to_device", &to_device, py::arg("array"), py::arg("network").none(false));
}

}  // namespace indrnn::python
