// One time step of one layer, for streams: a matrix-vector product with everything that follows it in its registers.
#pragma once

#include <cstdint>

#include "backend/cpu/cpu_isa.hpp"
#include "backend/cpu/kernels/kernels.hpp"

namespace indrnn::cpu {

// h = act(W x + z + bias + u * h);  with zoneout p, h = p h + (1 - p) act(...)
// `outputs` is a multiple of StreamKernels::lanes; what lies past the layer's own outputs is written, and holds nothing.
template <class T>
struct StreamLayer {
  std::int64_t rows, inputs, outputs;
  const T* x;  // [rows, inputs]
  std::int64_t x_stride;
  const T* weights;  // of `pack`
  const T* z;        // [rows, outputs] or nullptr
  std::int64_t z_stride;
  const T* bias;  // [outputs]
  const T* u;     // [outputs], or nullptr: no recurrence, h is only written
  T* h;           // [rows, outputs]
  std::int64_t h_stride;
  Activation activation;
  T zoneout;
};

template <class T>
struct StreamKernels {
  std::int64_t lanes;
  void (*layer)(const StreamLayer<T>&);
  // weights [outputs, inputs], `rows` of them real, the others zero -> panels of some outputs each, input by input.
  void (*pack)(std::int64_t rows, std::int64_t inputs, std::int64_t outputs, const double* weights,
               T* packed);
};

INDRNN_DECLARE_FOR_EACH_ISA(template <class T> StreamKernels<T> stream_kernels())

// The table for this machine's instruction set.
template <class T>
const StreamKernels<T>& stream_table();

}  // namespace indrnn::cpu
