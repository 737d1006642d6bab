#include "device_export.hpp"

#include <array>
#include <memory>
#include <string>
#include <type_traits>

#include "dlpack.hpp"

namespace indrnn::python {

namespace {

// What a consumer holds until it calls the deleter.
template <class Managed>
struct Exported {
  DeviceArray array;
  std::array<std::int64_t, Shape::max_rank> shape{};
  std::array<std::int64_t, Shape::max_rank> strides{};
  Managed managed{};
};

dlpack::DataType dlpack_dtype(DType dtype) {
  const auto bits = static_cast<std::uint8_t>(8 * size_of(dtype));
  switch (dtype) {
    case DType::float32:
    case DType::float64:
      return {dlpack::floating, bits, 1};
    case DType::int64:
      return {dlpack::integer, bits, 1};
    case DType::uint8:
      return {dlpack::boolean, bits, 1};
  }
  throw py::type_error("unknown dtype");
}

int index_of(const std::string& device) {
  const std::size_t colon = device.find(':');
  return colon == std::string::npos ? 0 : std::stoi(device.substr(colon + 1));
}

template <class Managed>
py::capsule export_as(const DeviceArray& array, const char* name) {
  auto* exported = new Exported<Managed>{array};
  std::int64_t stride = 1;
  for (int axis = array.view.shape.rank() - 1; axis >= 0; --axis) {
    exported->shape[static_cast<std::size_t>(axis)] = array.view.shape[axis];
    exported->strides[static_cast<std::size_t>(axis)] = stride;
    stride *= array.view.shape[axis];
  }
  Managed& managed = exported->managed;
  managed.tensor = {array.view.data,
                    {dlpack::cuda, index_of(array.context()->device())},
                    array.view.shape.rank(),
                    dlpack_dtype(array.view.dtype),
                    exported->shape.data(),
                    exported->strides.data(),
                    0};
  managed.context = exported;
  if constexpr (std::is_same_v<Managed, dlpack::ManagedVersioned>) managed.major = 1;
  managed.deleter = [](Managed* self) {
    if (Py_IsInitialized() == 0) return;
    const py::gil_scoped_acquire held;
    delete static_cast<Exported<Managed>*>(self->context);
  };
  // A capsule that nobody took over still owns the array; one that was taken has another name.
  PyObject* capsule = PyCapsule_New(&managed, name, [](PyObject* object) {
    const char* unused = std::is_same_v<Managed, dlpack::Managed> ? "dltensor" : "dltensor_versioned";
    if (PyCapsule_IsValid(object, unused) == 0) return;
    auto* left = static_cast<Managed*>(PyCapsule_GetPointer(object, unused));
    left->deleter(left);
  });
  if (capsule == nullptr) {
    delete exported;
    throw py::error_already_set();
  }
  return py::reinterpret_steal<py::capsule>(capsule);
}

}  // namespace

py::dict cuda_array_interface(const DeviceArray& array) {
  array.context()->hand_out(array.view.data);
  py::dict description;
  py::list shape;
  for (int axis = 0; axis < array.view.shape.rank(); ++axis) shape.append(array.view.shape[axis]);
  description["shape"] = py::tuple(shape);
  description["typestr"] = numpy_dtype(array.view.dtype).attr("str");
  description["data"] = py::make_tuple(reinterpret_cast<std::uintptr_t>(array.view.data), false);
  description["strides"] = py::none();
  description["stream"] = reinterpret_cast<std::uintptr_t>(array.context()->stream());
  description["version"] = 3;
  return description;
}

py::tuple dlpack_device(const DeviceArray& array) {
  return py::make_tuple(dlpack::cuda, index_of(array.context()->device()));
}

py::capsule dlpack_capsule(const DeviceArray& array, const py::object& stream, const py::object& max_version,
                           const py::object& dl_device, const py::object& copy) {
  if (!dl_device.is_none() && !dl_device.equal(dlpack_device(array))) {
    throw py::buffer_error(
        "[DeviceArray] DLPack gives it on its own device only; use numpy() for a copy on the host");
  }
  const std::int64_t number = stream.is_none() ? 1 : stream.cast<std::int64_t>();
  if (number == 0) throw py::value_error("[DeviceArray] stream 0 is ambiguous in DLPack: use 1 or 2");
  DeviceArray exported = array;
  if (!copy.is_none() && copy.cast<bool>()) {
    exported = new_device_array(array.network, array.view.dtype, array.view.shape);
    using_network(*array.network, "DeviceArray", [&](Network&) {
      array.context()->copy(array.view.data, exported.view.data, array.bytes());
    });
  }
  if (number != -1) {
    using_network(*array.network, "DeviceArray",
                  [&](Network&) { array.context()->let_wait(reinterpret_cast<void*>(number)); });
  }
  exported.context()->hand_out(exported.view.data);
  const bool versioned = !max_version.is_none() && max_version.cast<py::tuple>()[0].cast<int>() >= 1;
  if (!versioned) return export_as<dlpack::Managed>(exported, "dltensor");
  return export_as<dlpack::ManagedVersioned>(exported, "dltensor_versioned");
}

}  // namespace indrnn::python
