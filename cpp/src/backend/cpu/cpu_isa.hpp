// Which instruction set the kernels of this process use. Decided once; every table of kernels is picked through here.
#pragma once

namespace indrnn::cpu {

enum class Isa { baseline, avx2, avx512 };

// The best that this machine has. INDRNN_ISA=baseline|avx2|avx512 in the environment lowers it (for tests, and to get
// the same bits on different machines); a value that is unknown or too high is ignored.
Isa isa();
const char* name_of(Isa isa);

// What the alternative for isa() returns:
//   pick_isa(INDRNN_ISA_ALTERNATIVES(softmax_kernels<float>))
// calls baseline::softmax_kernels<float>(), avx2::... or avx512::....
template <class Result>
Result pick_isa(Result (*baseline)(), Result (*avx2)(), Result (*avx512)()) {
  switch (isa()) {
    case Isa::avx512:
      return avx512();
    case Isa::avx2:
      return avx2();
    default:
      return baseline();
  }
}

}  // namespace indrnn::cpu

// Where only the baseline is built the others are not named; isa() never asks for them there.
#if defined(INDRNN_X86_KERNELS)
#define INDRNN_ISA_ALTERNATIVES(...) &baseline::__VA_ARGS__, &avx2::__VA_ARGS__, &avx512::__VA_ARGS__
#else
#define INDRNN_ISA_ALTERNATIVES(...) &baseline::__VA_ARGS__, &baseline::__VA_ARGS__, &baseline::__VA_ARGS__
#endif

// Declares a function of a kernel file in each of its namespaces.
#if defined(INDRNN_X86_KERNELS)
#define INDRNN_DECLARE_FOR_EACH_ISA(...) \
  namespace baseline {                   \
  __VA_ARGS__;                           \
  }                                      \
  namespace avx2 {                       \
  __VA_ARGS__;                           \
  }                                      \
  namespace avx512 {                     \
  __VA_ARGS__;                           \
  }
#else
#define INDRNN_DECLARE_FOR_EACH_ISA(...) \
  namespace baseline {                   \
  __VA_ARGS__;                           \
  }
#endif
