#include "backend/cpu/cpu_isa.hpp"
#include "backend/cpu/kernels/kernels.hpp"

namespace indrnn::cpu {

INDRNN_DECLARE_FOR_EACH_ISA(template <class T> Kernels<T> make_kernels())

template <class T>
const Kernels<T>& kernels() {
  static const Kernels<T> table = pick_isa<Kernels<T>>(INDRNN_ISA_ALTERNATIVES(make_kernels<T>));
  return table;
}

template const Kernels<float>& kernels();
template const Kernels<double>& kernels();

}  // namespace indrnn::cpu
