#include "backend/cpu/cpu_isa.hpp"
#include "backend/cpu/kernels/kernels.hpp"
#include "backend/cpu/kernels/stream.hpp"

namespace indrnn::cpu {

INDRNN_DECLARE_FOR_EACH_ISA(template <class T> Kernels<T> make_kernels())

template <class T>
const Kernels<T>& kernels() {
  static const Kernels<T> table = pick_isa<Kernels<T>>(INDRNN_ISA_ALTERNATIVES(make_kernels<T>));
  return table;
}

template const Kernels<float>& kernels();
template const Kernels<double>& kernels();

template <class T>
const StreamKernels<T>& stream_table() {
  static const StreamKernels<T> table =
      pick_isa<StreamKernels<T>>(INDRNN_ISA_ALTERNATIVES(stream_kernels<T>));
  return table;
}

template const StreamKernels<float>& stream_table();
template const StreamKernels<double>& stream_table();

}  // namespace indrnn::cpu
