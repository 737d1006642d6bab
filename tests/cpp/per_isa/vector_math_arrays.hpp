// Whole arrays through the vector math of kernel files, for test_vector_math.cpp.
#pragma once

#include <cstdint>

#include "backend/cpu/cpu_isa.hpp"

namespace indrnn::cpu {

template <class T>
struct MathArrays {
  using Function = void (*)(std::int64_t count, const T* in, T* out);
  Function exp, sigmoid, tanh;
  Function single_exp, single_sigmoid,
      single_tanh;  // one lane at a time, as for features that do not fill a vector
};

INDRNN_DECLARE_FOR_EACH_ISA(template <class T> MathArrays<T> math_arrays())

}  // namespace indrnn::cpu
