#include "core/check.hpp"

#include <charconv>

namespace indrnn {
namespace {

std::string with_letters(const char* letters, const std::string& sizes) {
  return letters != nullptr ? std::string(letters) + " = " + sizes : sizes;
}

}  // namespace

void fail(const char* operation, const std::string& argument, const std::string& must,
          const std::string& got) {
  throw InvalidArgument("[" + std::string(operation) + "] " + argument + " must " + must + ", got " + got);
}

std::string to_text(double value) {
  char buffer[32];
  const auto result = std::to_chars(buffer, buffer + sizeof(buffer), value);
  return {buffer, result.ptr};
}

void check_shape(const char* operation, const char* argument, const ConstTensorView& view, const Shape& shape,
                 const char* letters) {
  if (view.shape == shape) return;
  fail(operation, argument, "have shape " + with_letters(letters, shape.to_string()), view.shape.to_string());
}

void check_rank(const char* operation, const char* argument, const ConstTensorView& view, int rank,
                const char* letters) {
  if (view.shape.rank() == rank) return;
  const std::string axes = std::to_string(rank) + (rank == 1 ? " dimension" : " dimensions");
  fail(operation, argument, "have " + (letters != nullptr ? axes + " " + letters : axes),
       "shape " + view.shape.to_string());
}

void check_dtype(const char* operation, const char* argument, const ConstTensorView& view, DType dtype) {
  if (view.dtype == dtype) return;
  throw TypeMismatch("[" + std::string(operation) + "] " + argument + " must have dtype " + name_of(dtype) +
                     ", got " + name_of(view.dtype));
}

void check_float(const char* operation, const char* argument, const ConstTensorView& view) {
  if (view.dtype == DType::float32 || view.dtype == DType::float64) return;
  throw TypeMismatch("[" + std::string(operation) + "] " + argument +
                     " must have dtype float32 or float64, got " + name_of(view.dtype));
}

void check_given(const char* operation, const char* argument, const ConstTensorView& view) {
  if (!view.given()) fail(operation, argument, "be given", "nothing");
  if (view.data == nullptr && view.shape.elements() > 0)
    fail(operation, argument, "point to its elements", "a null pointer with shape " + view.shape.to_string());
}

void check_view(const char* operation, const char* argument, const ConstTensorView& view, DType dtype,
                const Shape& shape, const char* letters) {
  check_given(operation, argument, view);
  check_dtype(operation, argument, view, dtype);
  check_shape(operation, argument, view, shape, letters);
}

}  // namespace indrnn
