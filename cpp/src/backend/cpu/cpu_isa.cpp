#include "backend/cpu/cpu_isa.hpp"

#include <cstdlib>
#include <cstring>
#include <initializer_list>

namespace indrnn::cpu {
namespace {

Isa best_of_machine() {
#if defined(INDRNN_X86_KERNELS)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("fma"))
    return Isa::avx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return Isa::avx2;
#endif
  return Isa::baseline;
}

Isa decide() {
  const Isa best = best_of_machine();
  const char* wanted = std::getenv("INDRNN_ISA");
  if (wanted == nullptr) return best;
  for (Isa lower : {Isa::baseline, Isa::avx2, Isa::avx512})
    if (lower <= best && std::strcmp(wanted, name_of(lower)) == 0) return lower;
  return best;
}

}  // namespace

Isa isa() {
  static const Isa decided = decide();
  return decided;
}

const char* name_of(Isa isa) {
  switch (isa) {
    case Isa::avx512:
      return "avx512";
    case Isa::avx2:
      return "avx2";
    default:
      return "baseline";
  }
}

}  // namespace indrnn::cpu
