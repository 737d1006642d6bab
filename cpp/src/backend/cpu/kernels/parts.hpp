// Each kernel file fills its part of the table for the instruction set it is compiled for.
#pragma once

#include "backend/cpu/kernels/kernels.hpp"

namespace indrnn::cpu::INDRNN_ISA {

template <class T>
void add_recurrence(Kernels<T>& table);
template <class T>
void add_linear(Kernels<T>& table);
template <class T>
void add_layer_norm(Kernels<T>& table);
template <class T>
void add_norm(Kernels<T>& table);
template <class T>
void add_random(Kernels<T>& table);
template <class T>
void add_zoneout(Kernels<T>& table);

}  // namespace indrnn::cpu::INDRNN_ISA
