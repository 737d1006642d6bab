// NumPy arrays in and out, the same rules for every argument of every bound function:
// - an input is a NumPy array, or an object that shows itself as one (__array__, __array_interface__, buffer, DLPack);
// - its dtype must be exactly the wanted one: nothing is cast, the error names what came and the astype that helps;
// - other strides, Fortran order, foreign byte order and misaligned memory are copied once and right;
// - an `out` array is written as it is, so dtype, shape, layout and writability must fit exactly.
#pragma once

#include <pybind11/numpy.h>

#include <cstdint>
#include <optional>
#include <string>

#include "indrnn/tensor.hpp"

namespace indrnn::python {

namespace py = pybind11;

// Where an array is used, for error messages: "[forward] x must have 3 dimensions [T, B, I], got shape [5, 4]".
struct Argument {
  const char* operation;
  const char* name;
  const char* letters =
      nullptr;  // "[T, B, I]": also fixes the number of dimensions; nullptr: any, up to Shape::max_rank

  std::string prefix() const;  // "[forward] x"
};

py::dtype numpy_dtype(DType dtype);  // uint8 is a mask: bool

// The array of `dtype` behind `object`, C-contiguous, aligned and in native byte order; copied at most once.
py::array input_array(py::handle object, const Argument& argument, DType dtype);
// The same for float32 or float64, whichever it is.
py::array float_array(py::handle object, const Argument& argument);
// The same for any dtype of ours.
py::array any_input_array(py::handle object, const Argument& argument);
// The same, or nothing for None.
std::optional<py::array> optional_array(py::handle object, const Argument& argument, DType dtype);
// Lengths [B] of any integer dtype as int64, each in [0, time_steps]; nothing for None.
std::optional<py::array> optional_lengths(py::handle object, const Argument& argument,
                                          std::int64_t time_steps);

// `object` itself when it can be written as it is, a new array for None.
py::array output_array(py::handle object, const Argument& argument, DType dtype, const Shape& shape);
py::array new_array(DType dtype, const Shape& shape);
// A writable array over `view`'s memory that keeps `owner` alive.
py::array array_over(const TensorView& view, py::handle owner);

Shape shape_of(const py::array& array);
DType dtype_of_array(const py::array& array);  // of an array that one of the functions above gave
ConstTensorView view_of(const py::array& array);
ConstTensorView view_of(const std::optional<py::array>& array);  // empty for nothing
TensorView writable_view_of(py::array& array);

// Whether two buffers have a byte in common.
bool overlap(const ConstTensorView& a, const ConstTensorView& b);
// Throws ValueError when the result would be written over memory that is still to be read.
void require_apart(const ConstTensorView& out, const Argument& argument, const ConstTensorView& other,
                   const char* other_name);
// `array`, or a copy of it when it lies in memory that the call is going to write.
py::array apart_from(const py::array& array, const ConstTensorView& written);

}  // namespace indrnn::python
