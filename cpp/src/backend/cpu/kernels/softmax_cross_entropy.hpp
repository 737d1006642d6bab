// The inner loop of the softmax cross-entropy loss.
#pragma once

#include <cstdint>

#include "backend/cpu/cpu_isa.hpp"

namespace indrnn::cpu {

template <class T>
struct CrossEntropyRows {
  std::int64_t rows, classes;
  const T* logits;              // [rows, classes]
  const std::int64_t* targets;  // [rows], in range where the row counts
  const std::uint8_t* mask;     // [rows] or nullptr: all count
  double scale;                 // gradient = (softmax - one_hot) * scale, zero in rows that do not count
  T* gradient;                  // [rows, classes], may be the same memory as logits; or nullptr
};

template <class T>
struct SoftmaxKernels {
  double (*cross_entropy)(const CrossEntropyRows<T>&);  // returns the sum of the counted rows' losses
};

INDRNN_DECLARE_FOR_EACH_ISA(template <class T> SoftmaxKernels<T> softmax_kernels())

}  // namespace indrnn::cpu
