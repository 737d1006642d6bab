// Device memory of callers, by DLPack or __cuda_array_interface__.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <pybind11/stl.h>

#include "device_array.hpp"
#include "dlpack.hpp"

namespace indrnn::python {

namespace {

// What a protocol says of an array; strides in elements, empty for C-contiguous.
struct Described {
  void* data = nullptr;
  std::vector<std::int64_t> shape, strides;
  std::optional<DType> dtype;
  std::string dtype_name;
  void* stream = nullptr;  // of the same device, to be waited for
};

bool has(py::handle object, const char* name) { return py::hasattr(object, name); }

std::optional<dlpack::Device> dlpack_place(py::handle object) {
  if (!has(py::type::handle_of(object), "__dlpack_device__")) return std::nullopt;
  const auto place = object.attr("__dlpack_device__")().cast<py::tuple>();
  return dlpack::Device{place[0].cast<std::int32_t>(), place[1].cast<std::int32_t>()};
}

bool contiguous(const Described& array) {
  if (array.strides.empty()) return true;
  std::int64_t stride = 1;
  for (std::size_t axis = array.shape.size(); axis-- > 0;) {
    if (array.shape[axis] == 0) return true;
    if (array.shape[axis] != 1 && array.strides[axis] != stride) return false;
    stride *= array.shape[axis];
  }
  return true;
}

Described describe(const dlpack::Tensor& tensor) {
  Described array;
  array.data = static_cast<char*>(tensor.data) + tensor.byte_offset;
  array.shape.assign(tensor.shape, tensor.shape + tensor.rank);
  if (tensor.strides != nullptr) array.strides.assign(tensor.strides, tensor.strides + tensor.rank);
  const dlpack::DataType dtype = tensor.dtype;
  if (dtype == dlpack::DataType{dlpack::floating, 32, 1}) array.dtype = DType::float32;
  if (dtype == dlpack::DataType{dlpack::floating, 64, 1}) array.dtype = DType::float64;
  if (dtype == dlpack::DataType{dlpack::integer, 64, 1}) array.dtype = DType::int64;
  if (dtype == dlpack::DataType{dlpack::boolean, 8, 1}) array.dtype = DType::uint8;
  array.dtype_name =
      "DLPack type " + std::to_string(dtype.code) + " of " + std::to_string(dtype.bits) + " bits";
  return array;
}

[[noreturn]] void refuse_place(const Argument& argument, const DeviceContext& context) {
  throw py::value_error(argument.prefix() + " must lie in the memory of the network's device " +
                        context.device() + ", but it lies elsewhere");
}

// The capsule is kept as it is: its array lives as long as it does. The producer runs without a hold on the network, whose
// queue may be captured meanwhile: it is told of the one beside.
Described from_dlpack(py::handle object, const dlpack::Device& place, const Argument& argument,
                      DeviceContext& context, Borrowed::Objects& objects) {
  if (place.type == dlpack::cuda && "cuda:" + std::to_string(place.index) != context.device())
    refuse_place(argument, context);
  const std::shared_ptr<void> current = context.make_current();  // PyTorch refuses on another device
  const auto stream = reinterpret_cast<std::uintptr_t>(context.crossing_stream());
  py::object capsule;
  try {
    capsule =
        object.attr("__dlpack__")(py::arg("stream") = stream, py::arg("max_version") = py::make_tuple(1, 0));
  } catch (py::error_already_set& error) {
    if (!error.matches(PyExc_TypeError)) throw;
    capsule = object.attr("__dlpack__")(py::arg("stream") = stream);  // an older producer
  }
  objects.push_back(std::make_shared<py::object>(capsule));
  const auto described = [&](const dlpack::Tensor& tensor) {
    Described array = describe(tensor);
    array.stream = context.crossing_stream();
    return array;
  };
  if (PyCapsule_IsValid(capsule.ptr(), "dltensor_versioned") != 0) {
    return described(
        static_cast<dlpack::ManagedVersioned*>(PyCapsule_GetPointer(capsule.ptr(), "dltensor_versioned"))
            ->tensor);
  }
  auto* managed = static_cast<dlpack::Managed*>(PyCapsule_GetPointer(capsule.ptr(), "dltensor"));
  if (managed == nullptr) throw py::error_already_set();
  return described(managed->tensor);
}

Described from_interface(py::handle object, const Argument& argument) {
  const py::dict said = object.attr("__cuda_array_interface__");
  Described array;
  array.data = reinterpret_cast<void*>(said["data"].cast<py::tuple>()[0].cast<std::uintptr_t>());
  array.shape = said["shape"].cast<std::vector<std::int64_t>>();
  const py::dtype dtype = py::dtype::from_args(said["typestr"]);
  for (const DType known : {DType::float32, DType::float64, DType::int64, DType::uint8}) {
    if (dtype.equal(numpy_dtype(known))) array.dtype = known;
  }
  array.dtype_name = py::str(dtype);
  if (said.contains("strides") && !said["strides"].is_none()) {
    array.strides = said["strides"].cast<std::vector<std::int64_t>>();
    for (std::int64_t& stride : array.strides) stride /= std::max<std::int64_t>(dtype.itemsize(), 1);
  }
  if (said.contains("stream") && !said["stream"].is_none()) {
    const auto stream = said["stream"].cast<std::uintptr_t>();
    if (stream == 0)
      throw py::value_error(argument.prefix() + ": stream 0 is ambiguous in __cuda_array_interface__");
    array.stream = reinterpret_cast<void*>(stream);
  }
  return array;
}

ConstTensorView checked(const Described& array, const Argument& argument, DType dtype,
                        const DeviceContext& context) {
  if (array.dtype != dtype) {
    throw py::type_error(argument.prefix() + " must be " + std::string(py::str(numpy_dtype(dtype))) +
                         ", got " +
                         (array.dtype ? std::string(py::str(numpy_dtype(*array.dtype))) : array.dtype_name));
  }
  if (array.shape.size() > static_cast<std::size_t>(Shape::max_rank)) {
    throw py::value_error(argument.prefix() + " must have at most " + std::to_string(Shape::max_rank) +
                          " dimensions, got " + std::to_string(array.shape.size()));
  }
  Shape shape;
  for (const std::int64_t size : array.shape) shape.append(size);
  if (argument.letters != nullptr) {
    const std::string letters = argument.letters;
    const int rank = 1 + static_cast<int>(std::count(letters.begin(), letters.end(), ','));
    if (shape.rank() != rank) {
      throw py::value_error(argument.prefix() + " must have " + std::to_string(rank) +
                            (rank == 1 ? " dimension " : " dimensions ") + letters + ", got shape " +
                            shape.to_string());
    }
  }
  if (!contiguous(array)) {
    throw py::value_error(argument.prefix() + " must be C-contiguous on the device, got other strides");
  }
  if (shape.elements() > 0 && !context.is_device_memory(array.data)) refuse_place(argument, context);
  return {array.data, shape, dtype};
}

}  // namespace

bool is_device_array(py::handle object) {
  if (object.is_none() || py::isinstance<py::array>(object)) return false;
  if (py::isinstance<DeviceArray>(object)) return true;
  if (const auto place = dlpack_place(object))
    return place->type == dlpack::cuda || place->type == dlpack::cuda_managed;
  return has(object, "__cuda_array_interface__");
}

void release_inputs(SharedNetwork& network) {
  if (!network.borrowed.any()) return;
  // They are let go of behind the call, with the interpreter lock.
  const Borrowed::Objects done = using_network(
      network, "DeviceArray", [&](Network& held) { return network.borrowed.done(*held.context()); });
}

DeviceInputs::DeviceInputs(const std::shared_ptr<SharedNetwork>& network) : network_(network) {
  release_inputs(*network_);
}

DeviceInputs::~DeviceInputs() {
  if (!objects_.empty()) network_->borrowed.keep(std::move(objects_));
}

ConstTensorView DeviceInputs::take(py::handle object, const Argument& argument, DType dtype) {
  const std::shared_ptr<DeviceContext> context = network_->network.context();
  // A stream of another device could not be waited for: the memory is checked first.
  const auto ready = [&](const Described& array) {
    const ConstTensorView view = checked(array, argument, dtype, *context);
    if (array.stream != nullptr)
      using_network(*network_, argument.operation, [&](Network&) { context->wait_for(array.stream); });
    return view;
  };
  if (py::isinstance<DeviceArray>(object)) {
    const auto& array = object.cast<const DeviceArray&>();
    Described described;
    described.data = array.view.data;
    for (int axis = 0; axis < array.view.shape.rank(); ++axis)
      described.shape.push_back(array.view.shape[axis]);
    described.dtype = array.view.dtype;
    if (array.network != network_) {
      array.context()->hand_out(array.view.data);
      objects_.push_back(array.memory != nullptr ? array.memory : array.network);
      described.stream = array.context()->stream();
    }
    return ready(described);
  }
  objects_.push_back(std::make_shared<py::object>(py::reinterpret_borrow<py::object>(object)));
  try {
    const auto place = dlpack_place(object);
    return ready(place ? from_dlpack(object, *place, argument, *context, objects_)
                       : from_interface(object, argument));
  } catch (py::error_already_set& error) {
    if (error.matches(PyExc_MemoryError) || !error.matches(PyExc_Exception)) throw;
    const std::string message =
        argument.prefix() + " could not be read as a device array: " + std::string(py::str(error.value()));
    py::raise_from(error, PyExc_TypeError, message.c_str());
    throw py::error_already_set();
  }
}

}  // namespace indrnn::python
