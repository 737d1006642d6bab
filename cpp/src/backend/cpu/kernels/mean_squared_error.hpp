// The inner loop of the mean squared error.
#pragma once

#include <cstdint>

#include "backend/cpu/cpu_isa.hpp"

namespace indrnn::cpu {

template <class T>
struct SquaredErrorKernels {
  // Returns sum (prediction - target)^2; gradient = (prediction - target) * scale unless it is null, in place.
  double (*squared_error)(std::int64_t count, const T* prediction, const T* target, T scale, T* gradient);
};

INDRNN_DECLARE_FOR_EACH_ISA(template <class T> SquaredErrorKernels<T> squared_error_kernels())

}  // namespace indrnn::cpu
