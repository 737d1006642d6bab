// How a thread rounds, and what it does with denormal numbers: below 1.2e-38 in float32 and 2.2e-308 in float64.
//
// A state u^t x decays into them, and gradients on their way back through time do: processors that handle them in
// microcode then compute several times slower, for numbers that no result shows. The engine's computations take and give
// zeros in their place, and leave the host's mode as it was.
#pragma once

#include <cstdint>

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

namespace indrnn {

// The calling thread's mode, without the flags of past exceptions; always 0 where it is not known how to ask.
inline std::uint64_t float_control() {
#if defined(__SSE2__)
  return _mm_getcsr() & ~0x3fu;
#elif defined(__aarch64__)
  std::uint64_t control = 0;
  asm volatile("mrs %0, fpcr" : "=r"(control));
  return control;
#else
  return 0;
#endif
}

inline void set_float_control([[maybe_unused]] std::uint64_t control) {
#if defined(__SSE2__)
  if (float_control() != control) _mm_setcsr(static_cast<unsigned>(control));
#elif defined(__aarch64__)
  if (float_control() != control) asm volatile("msr fpcr, %0" : : "r"(control));
#endif
}

// While it lives, the calling thread treats denormal numbers as zeros.
class FlushDenormals {
 public:
  FlushDenormals() : before_(float_control()) { set_float_control(before_ | flush_bits); }
  ~FlushDenormals() { set_float_control(before_); }
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
#if defined(__SSE2__)
  static constexpr std::uint64_t flush_bits = 0x8040;  // results (FTZ) and arguments (DAZ)
#elif defined(__aarch64__)
  static constexpr std::uint64_t flush_bits = std::uint64_t{1} << 24;  // FZ
#else
  static constexpr std::uint64_t flush_bits = 0;
#endif
  std::uint64_t before_;
};

}  // namespace indrnn
