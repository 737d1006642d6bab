#include "arrays.hpp"

#include <functional>
#include <utility>
#include <vector>

#include "device_array.hpp"

namespace indrnn::python {

namespace {

constexpr int behaved =
    static_cast<int>(py::array::c_style) | static_cast<int>(py::detail::npy_api::NPY_ARRAY_ALIGNED_);
constexpr int cast_once = behaved | static_cast<int>(py::array::forcecast);

std::string name_of_type(py::handle object) { return py::str(py::type::handle_of(object).attr("__name__")); }

std::string name_of_dtype(const py::array& array) { return py::str(array.dtype()); }

std::string shape_text(const py::array& array) {
  std::string text = "[";
  for (py::ssize_t axis = 0; axis < array.ndim(); ++axis) {
    if (axis > 0) text += ", ";
    text += std::to_string(array.shape(axis));
  }
  return text + "]";
}

std::string numpy_name(DType dtype) { return dtype == DType::uint8 ? "bool" : name_of(dtype); }

std::string numpy_attribute(DType dtype) {
  return dtype == DType::uint8 ? "np.bool_" : std::string("np.") + name_of(dtype);
}

bool has_dtype(const py::array& array, DType dtype) {
  const char kind = array.dtype().kind();
  const auto size = static_cast<std::size_t>(array.itemsize());
  switch (dtype) {
    case DType::float32:
    case DType::float64:
      return kind == 'f' && size == size_of(dtype);
    case DType::int64:
      return kind == 'i' && size == size_of(dtype);
    case DType::uint8:
      return kind == 'b';
  }
  return false;
}

bool native_order(const py::array& array) {
  const char order = array.dtype().byteorder();
  return order == '=' || order == '|';
}

bool exactly_ndarray(py::handle object) {
  return reinterpret_cast<PyObject*>(Py_TYPE(object.ptr())) ==
         reinterpret_cast<PyObject*>(py::detail::npy_api::get().PyArray_Type_);
}

bool has_protocol(py::handle object, const char* name) {
  return py::hasattr(py::type::handle_of(object), name);
}

// An array subclass or any object with an array protocol, as a plain array. A masked array is refused: its mask would be lost.
py::array plain_array(py::handle object, const Argument& argument, const std::string& wanted) {
  const py::module_ numpy = py::module_::import("numpy");
  if (py::isinstance(object, numpy.attr("ma").attr("MaskedArray"))) {
    throw py::type_error(argument.prefix() +
                         " is a masked array, whose mask would be lost; give .filled(...) of it");
  }
  if (is_device_array(object)) {
    throw py::type_error(
        argument.prefix() +
        " lies in device memory and is needed in host memory; copy it, as DeviceArray.numpy() does");
  }
  const bool as_array = py::isinstance<py::array>(object) || has_protocol(object, "__array__") ||
                        has_protocol(object, "__array_interface__") ||
                        has_protocol(object, "__array_struct__") || PyObject_CheckBuffer(object.ptr()) != 0;
  const bool as_dlpack = !as_array && has_protocol(object, "__dlpack__");
  if (!as_array && !as_dlpack) {
    throw py::type_error(argument.prefix() + " must be a NumPy array of " + wanted + ", got " +
                         name_of_type(object) + "; use np.array(..., dtype=...)");
  }
  try {
    const py::object array = numpy.attr(as_array ? "asarray" : "from_dlpack")(object);
    if (exactly_ndarray(array)) return py::reinterpret_borrow<py::array>(array);
  } catch (py::error_already_set& error) {
    if (error.matches(PyExc_MemoryError) || !error.matches(PyExc_Exception)) throw;
    const std::string message = argument.prefix() + " of type " + name_of_type(object) +
                                " could not be read as a NumPy array: " + std::string(py::str(error.value()));
    py::raise_from(error, PyExc_TypeError, message.c_str());
    throw py::error_already_set();
  }
  throw py::type_error(argument.prefix() + " of type " + name_of_type(object) +
                       " did not give a NumPy array");
}

py::array any_array(py::handle object, const Argument& argument, const std::string& wanted) {
  if (exactly_ndarray(object)) return py::reinterpret_borrow<py::array>(object);
  return plain_array(object, argument, wanted);
}

void require_rank(const py::array& array, const Argument& argument) {
  if (argument.letters == nullptr) {
    if (array.ndim() <= Shape::max_rank) return;
    throw py::value_error(argument.prefix() + " must have at most " + std::to_string(Shape::max_rank) +
                          " dimensions, got shape " + shape_text(array));
  }
  const std::string letters = argument.letters;
  py::ssize_t rank = letters == "[]" ? 0 : 1;
  for (const char letter : letters) rank += letter == ',' ? 1 : 0;
  if (array.ndim() == rank) return;
  throw py::value_error(argument.prefix() + " must have " + std::to_string(rank) +
                        (rank == 1 ? " dimension " : " dimensions ") + letters + ", got shape " +
                        shape_text(array));
}

template <class T>
py::array as_behaved(const py::array& array) {
  return py::array_t<T, behaved>(static_cast<const py::object&>(array));
}

// At most one copy; the dtype is already the wanted one, so only layout and byte order can change.
py::array behaved_array(const py::array& array, DType dtype) {
  if ((array.flags() & behaved) == behaved && native_order(array)) return array;
  switch (dtype) {
    case DType::float32:
      return as_behaved<float>(array);
    case DType::float64:
      return as_behaved<double>(array);
    case DType::int64:
      return as_behaved<std::int64_t>(array);
    case DType::uint8:
      return as_behaved<bool>(array);
  }
  return array;
}

template <class Integer>
void require_range(const py::array& lengths, const Argument& argument, std::int64_t time_steps) {
  const auto* values = static_cast<const Integer*>(lengths.data());
  for (py::ssize_t sample = 0; sample < lengths.size(); ++sample) {
    const Integer length = values[sample];
    if (std::cmp_greater_equal(length, 0) && std::cmp_less_equal(length, time_steps)) continue;
    throw py::value_error(argument.prefix() + "[" + std::to_string(sample) + "] must be between 0 and T = " +
                          std::to_string(time_steps) + ", got " + std::to_string(length));
  }
}

}  // namespace

std::string Argument::prefix() const { return std::string("[") + operation + "] " + name; }

py::dtype numpy_dtype(DType dtype) {
  switch (dtype) {
    case DType::float32:
      return py::dtype::of<float>();
    case DType::float64:
      return py::dtype::of<double>();
    case DType::int64:
      return py::dtype::of<std::int64_t>();
    case DType::uint8:
      return py::dtype::of<bool>();
  }
  throw py::type_error("unknown dtype");
}

py::array input_array(py::handle object, const Argument& argument, DType dtype) {
  const py::array array = any_array(object, argument, numpy_name(dtype));
  if (!has_dtype(array, dtype)) {
    throw py::type_error(argument.prefix() + " must be " + numpy_name(dtype) + ", got " +
                         name_of_dtype(array) + "; use " + argument.name + ".astype(" +
                         numpy_attribute(dtype) + ")");
  }
  require_rank(array, argument);
  return behaved_array(array, dtype);
}

py::array float_array(py::handle object, const Argument& argument) {
  const py::array array = any_array(object, argument, "float32 or float64");
  for (const DType dtype : {DType::float32, DType::float64}) {
    if (!has_dtype(array, dtype)) continue;
    require_rank(array, argument);
    return behaved_array(array, dtype);
  }
  throw py::type_error(argument.prefix() + " must be float32 or float64, got " + name_of_dtype(array) +
                       "; use " + argument.name + ".astype(np.float32)");
}

py::array any_input_array(py::handle object, const Argument& argument) {
  const std::string wanted = "float32, float64, int64 or bool";
  const py::array array = any_array(object, argument, wanted);
  for (const DType dtype : {DType::float32, DType::float64, DType::int64, DType::uint8}) {
    if (!has_dtype(array, dtype)) continue;
    require_rank(array, argument);
    return behaved_array(array, dtype);
  }
  throw py::type_error(argument.prefix() + " must be " + wanted + ", got " + name_of_dtype(array));
}

std::optional<py::array> optional_array(py::handle object, const Argument& argument, DType dtype) {
  if (object.is_none()) return std::nullopt;
  return input_array(object, argument, dtype);
}

std::optional<py::array> optional_lengths(py::handle object, const Argument& argument,
                                          std::int64_t time_steps) {
  if (object.is_none()) return std::nullopt;
  const py::array array = any_array(object, argument, "int64");
  const char kind = array.dtype().kind();
  if (kind != 'i' && kind != 'u') {
    throw py::type_error(argument.prefix() + " must be integers (int64), got " + name_of_dtype(array));
  }
  require_rank(array, argument);
  if (kind == 'u') {  // uint64 reaches past int64: look before converting
    const py::array wide = py::array_t<std::uint64_t, cast_once>(static_cast<const py::object&>(array));
    require_range<std::uint64_t>(wide, argument, time_steps);
  }
  const py::array lengths = has_dtype(array, DType::int64)
                                ? behaved_array(array, DType::int64)
                                : py::array_t<std::int64_t, cast_once>(static_cast<const py::object&>(array));
  require_range<std::int64_t>(lengths, argument, time_steps);
  return lengths;
}

py::array new_array(DType dtype, const Shape& shape) {
  std::vector<py::ssize_t> sizes;
  for (int axis = 0; axis < shape.rank(); ++axis) sizes.push_back(shape[axis]);
  return py::array(numpy_dtype(dtype), std::move(sizes));
}

py::array output_array(py::handle object, const Argument& argument, DType dtype, const Shape& shape) {
  if (object.is_none()) return new_array(dtype, shape);
  if (!exactly_ndarray(object)) {
    throw py::type_error(argument.prefix() + " must be a NumPy array, got " + name_of_type(object));
  }
  auto array = py::reinterpret_borrow<py::array>(object);
  if (!has_dtype(array, dtype) || !native_order(array)) {
    throw py::type_error(argument.prefix() + " must be " + numpy_name(dtype) + " in native byte order, got " +
                         name_of_dtype(array));
  }
  if (array.ndim() > Shape::max_rank || !(shape_of(array) == shape)) {
    throw py::value_error(argument.prefix() + " must have shape " + shape.to_string() + ", got " +
                          shape_text(array));
  }
  if ((array.flags() & behaved) != behaved) {
    throw py::value_error(argument.prefix() + " must be C-contiguous and aligned: it is written in place");
  }
  if (!array.writeable())
    throw py::value_error(argument.prefix() + " must be writable, got a read-only array");
  return array;
}

py::array array_over(const TensorView& view, py::handle owner) {
  std::vector<py::ssize_t> sizes;
  for (int axis = 0; axis < view.shape.rank(); ++axis) sizes.push_back(view.shape[axis]);
  return py::array(numpy_dtype(view.dtype), std::move(sizes), view.data, owner);
}

Shape shape_of(const py::array& array) {
  Shape shape;
  for (py::ssize_t axis = 0; axis < array.ndim(); ++axis) shape.append(array.shape(axis));
  return shape;
}

DType dtype_of_array(const py::array& array) {
  for (const DType dtype : {DType::float32, DType::float64, DType::int64}) {
    if (has_dtype(array, dtype)) return dtype;
  }
  return DType::uint8;
}

ConstTensorView view_of(const py::array& array) {
  return {array.data(), shape_of(array), dtype_of_array(array)};
}

ConstTensorView view_of(const std::optional<py::array>& array) {
  return array ? view_of(*array) : ConstTensorView();
}

TensorView writable_view_of(py::array& array) {
  return {array.mutable_data(), shape_of(array), dtype_of_array(array)};
}

bool overlap(const ConstTensorView& a, const ConstTensorView& b) {
  const auto bytes = [](const ConstTensorView& view) {
    return static_cast<std::size_t>(view.given() ? view.shape.elements() : 0) * size_of(view.dtype);
  };
  const auto* first = static_cast<const char*>(a.data);
  const auto* second = static_cast<const char*>(b.data);
  if (bytes(a) == 0 || bytes(b) == 0) return false;
  const std::less<const char*> before;  // total order also over unrelated pointers
  return before(first, second + bytes(b)) && before(second, first + bytes(a));
}

void require_apart(const ConstTensorView& out, const Argument& argument, const ConstTensorView& other,
                   const char* other_name) {
  if (!overlap(out, other)) return;
  throw py::value_error(argument.prefix() + " must not share memory with " + other_name);
}

py::array apart_from(const py::array& array, const ConstTensorView& written) {
  if (!overlap(view_of(array), written)) return array;
  return py::reinterpret_borrow<py::array>(array.attr("copy")());
}

}  // namespace indrnn::python
