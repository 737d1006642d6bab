// The inner loops of optimizers and of clipping: one pass over a run of the flat buffers.
#pragma once

#include <cstdint>

#include "backend/cpu/cpu_isa.hpp"

namespace indrnn::cpu {

template <class T>
struct AdamUpdate {
  std::int64_t count;
  const T* gradient;
  T* weight;
  T* first_moment;
  T* second_moment;
  T beta1, one_minus_beta1, beta2, one_minus_beta2;
  T step_size;   // lr / (1 - beta1^n)
  T root_scale;  // 1 / sqrt(1 - beta2^n)
  T epsilon;
  T gradient_decay;  // g += gradient_decay * w
  T keep;            // w *= keep, before the update
};

template <class T>
struct SgdUpdate {
  std::int64_t count;
  const T* gradient;
  T* weight;
  T* velocity;  // not touched where momentum is 0
  T lr, momentum;
  T gradient_decay;
  bool nesterov;
};

template <class T>
struct OptimizerKernels {
  void (*adam)(const AdamUpdate<T>&);
  void (*sgd)(const SgdUpdate<T>&);
  void (*clamp)(std::int64_t count, T limit, T* values);  // to [-limit, limit]; NaN stays
  void (*scale)(std::int64_t count, T factor, T* values);
  double (*sum_of_squares)(std::int64_t count, const T* values);  // every square and sum in float64
};

INDRNN_DECLARE_FOR_EACH_ISA(template <class T> OptimizerKernels<T> optimizer_kernels())

}  // namespace indrnn::cpu
