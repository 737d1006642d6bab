// The table of kernels for the instruction set this file is compiled for.
#include "backend/cpu/kernels/parts.hpp"

namespace indrnn::cpu::INDRNN_ISA {

template <class T>
Kernels<T> make_kernels() {
  Kernels<T> table;
  add_recurrence(table);
  add_linear(table);
  add_layer_norm(table);
  add_norm(table);
  add_random(table);
  add_zoneout(table);
  return table;
}

template Kernels<float> make_kernels();
template Kernels<double> make_kernels();

}  // namespace indrnn::cpu::INDRNN_ISA
