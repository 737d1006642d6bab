// Argument checks of public functions. A message reads "[operation] argument must be ..., got ...".
// The checks allocate nothing unless they fail.
#pragma once

#include <cstdint>
#include <string>

#include "indrnn/error.hpp"
#include "indrnn/tensor.hpp"

namespace indrnn {

// Throws InvalidArgument: fail("dropout", "p", "be in [0, 1)", "1.5") is "[dropout] p must be in [0, 1), got 1.5".
[[noreturn]] void fail(const char* operation, const std::string& argument, const std::string& must,
                       const std::string& got);

// Numbers as a reader would write them: 0.1, not 0.100000.
std::string to_text(double value);

// letters, where given, names the axes: "[H]" makes the message "u must have shape [H] = [128], got [64]".
void check_shape(const char* operation, const char* argument, const ConstTensorView& view, const Shape& shape,
                 const char* letters = nullptr);
void check_rank(const char* operation, const char* argument, const ConstTensorView& view, int rank,
                const char* letters = nullptr);
// These two throw TypeMismatch.
void check_dtype(const char* operation, const char* argument, const ConstTensorView& view, DType dtype);
void check_float(const char* operation, const char* argument, const ConstTensorView& view);
// Not the empty view, and not a null pointer to elements.
void check_given(const char* operation, const char* argument, const ConstTensorView& view);

// Given, of this element type and this shape.
void check_view(const char* operation, const char* argument, const ConstTensorView& view, DType dtype,
                const Shape& shape, const char* letters = nullptr);

}  // namespace indrnn
