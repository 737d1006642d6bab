// exp, tanh and sigmoid of whole vector registers, for kernel files only (each compiled once per instruction set).
// V is a vector of float or double of any width, e.g. Vector<float>. Largest errors found, over 600 million floats and
// 4 million doubles: vexp 1.1 ulp, vsigmoid 2.4, vtanh 2.7; infinities, NaN, signed zeros and subnormals as in <cmath>.
//
// A lane's result depends on that lane alone, so a tail computed in a padded vector has the same bits.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backend/cpu/kernels/vector.hpp"

#if !defined(INDRNN_ISA)
#error "math.hpp is for kernel files, which are compiled with -DINDRNN_ISA=..."
#endif

#define INDRNN_INLINE inline __attribute__((always_inline))

namespace indrnn::cpu::INDRNN_ISA {

// Numbers of one element type. exp: x = k ln 2 + r with |r| <= ln 2 / 2, and e^r = 1 + r + r^2 p(r), where p is a
// minimax polynomial (Remez; error of e^r below 0.07 ulp).
template <class T>
struct MathConstants;

template <>
struct MathConstants<float> {
  using Bits = std::uint32_t;
  static constexpr int mantissa_bits = 23, bias = 127;
  static constexpr float round =
      12582912.0f;  // 1.5 * 2^23: adding it leaves the nearest integer in the low bits
  static constexpr Bits round_bits = 0x4b400000u, sign_bit = 0x80000000u;
  static constexpr float log2_e = 1.44269504088896341f;
  static constexpr float ln2_high = 0.693359375f,
                         ln2_low = -2.12194440054690583e-4f;         // k * ln2_high is exact
  static constexpr float exp_lowest = -104.5f, exp_highest = 89.0f;  // 0 below, infinite above
  static constexpr float tanh_highest = 10.0f;                       // 1 above
  static constexpr int terms = 5;
  static constexpr float p[terms] = {0.500000008179f, 0.166665256569f, 0.0416662340413f, 0.00836825505797f,
                                     0.00139490685379f};
};

template <>
struct MathConstants<double> {
  using Bits = std::uint64_t;
  static constexpr int mantissa_bits = 52, bias = 1023;
  static constexpr double round = 6755399441055744.0;  // 1.5 * 2^52
  static constexpr Bits round_bits = 0x4338000000000000u, sign_bit = 0x8000000000000000u;
  static constexpr double log2_e = 1.44269504088896340736;
  static constexpr double ln2_high = 6.93147180369123816490e-01, ln2_low = 1.90821492927058770002e-10;
  static constexpr double exp_lowest = -746.0, exp_highest = 710.0;
  static constexpr double tanh_highest = 20.0;
  static constexpr int terms = 10;
  static constexpr double p[terms] = {0.50000000000000053344,     0.16666666666666688577,
                                      0.041666666666568895847,    0.0083333333333127997549,
                                      0.0013888888934537832431,   0.0001984126990696038536,
                                      0.000024801501664924818884, 2.7557224495784771136e-6,
                                      2.7627433540446425005e-7,   2.5115538402308460007e-8};
};

template <class V>
struct VectorTraits {
  using Element = __typeof__(V{}[0] + V{}[0]);
  using Constants = MathConstants<Element>;
  typedef typename Constants::Bits Bits __attribute__((vector_size(sizeof(V))));
};

// e^x = (1 + fraction) * 2^exponent. The exponent is kept as its bits plus twice the bias, which is never negative.
template <class V>
struct ExpParts {
  V fraction;
  typename VectorTraits<V>::Bits exponent;
};

template <class V>
INDRNN_INLINE ExpParts<V> exp_parts(V x) {
  using Constants = typename VectorTraits<V>::Constants;
  using Bits = typename VectorTraits<V>::Bits;
  const V rounded = x * Constants::log2_e + Constants::round;
  const V k = rounded - Constants::round;
  const V r = (x - k * Constants::ln2_high) - k * Constants::ln2_low;
  const V r2 = r * r;
  // Horner in r^2 with two coefficients at a time: half the latency, which is what a recurrence waits for.
  V p = V{};
#pragma GCC unroll 8
  for (int i = (Constants::terms - 1) & ~1; i >= 0; i -= 2) {
    const V pair =
        i + 1 < Constants::terms ? r * Constants::p[i + 1] + Constants::p[i] : V{} + Constants::p[i];
    p = i == ((Constants::terms - 1) & ~1) ? pair : p * r2 + pair;
  }
  return {p * r2 + r, (Bits)rounded - Constants::round_bits + 2 * Constants::bias};
}

template <class V>
INDRNN_INLINE V vexp(V x) {
  using Constants = typename VectorTraits<V>::Constants;
  using Bits = typename VectorTraits<V>::Bits;
  x = x < Constants::exp_lowest ? V{} + Constants::exp_lowest : x;  // NaN stays
  x = x > Constants::exp_highest ? V{} + Constants::exp_highest : x;
  const ExpParts<V> parts = exp_parts(x);
  // In two factors, so that a subnormal result is rounded once and a huge one reaches infinity.
  const Bits half = parts.exponent >> 1;
  const V scale1 = (V)(half << Constants::mantissa_bits);
  const V scale2 = (V)((parts.exponent - half) << Constants::mantissa_bits);
  return (1 + parts.fraction) * scale1 * scale2;
}

template <class V>
INDRNN_INLINE V vabs(V x) {
  return (V)((typename VectorTraits<V>::Bits)x & ~VectorTraits<V>::Constants::sign_bit);
}

// 1 / (1 + e^-x), from e^-|x| so that the small values of negative x are exact to the last bits.
template <class V>
INDRNN_INLINE V vsigmoid(V x) {
  const V e = vexp(-vabs(x));
  const V numerator = x < 0 ? e : V{} + 1;
  return numerator / (1 + e);
}

// (e^2|x| - 1) / (e^2|x| + 1) with the sign of x; e^2|x| - 1 is formed without cancellation for small x.
template <class V>
INDRNN_INLINE V vtanh(V x) {
  using Constants = typename VectorTraits<V>::Constants;
  using Bits = typename VectorTraits<V>::Bits;
  V magnitude = vabs(x);
  magnitude = magnitude > Constants::tanh_highest ? V{} + Constants::tanh_highest : magnitude;  // NaN stays
  const ExpParts<V> parts = exp_parts(magnitude + magnitude);
  const V scale = (V)((parts.exponent - Constants::bias) << Constants::mantissa_bits);
  const V expm1 = parts.fraction * scale + (scale - 1);
  const V result = expm1 / (expm1 + 2);
  return (V)((Bits)result | ((Bits)x & Constants::sign_bit));
}

}  // namespace indrnn::cpu::INDRNN_ISA
