// From a run-time value to a template argument, by a function that takes a lambda.
#pragma once

#include <string>
#include <type_traits>
#include <utility>

#include "indrnn/error.hpp"
#include "indrnn/tensor.hpp"

namespace indrnn {

// Calls function(float{}) or function(double{}) and returns what it returns:
//   dispatch_float(x.dtype, [&](auto zero) { using T = decltype(zero); ... });
template <class Function>
decltype(auto) dispatch_float(DType dtype, Function&& function) {
  if (dtype == DType::float32) return std::forward<Function>(function)(float{});
  if (dtype == DType::float64) return std::forward<Function>(function)(double{});
  throw TypeMismatch(std::string("element type must be float32 or float64, got ") + name_of(dtype));
}

// Calls function(std::true_type{}) or function(std::false_type{}).
template <class Function>
decltype(auto) dispatch_bool(bool value, Function&& function) {
  if (value) return std::forward<Function>(function)(std::true_type{});
  return std::forward<Function>(function)(std::false_type{});
}

}  // namespace indrnn
