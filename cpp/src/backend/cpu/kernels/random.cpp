// Uniform numbers for masks that are drawn at every time step: Philox 4x32-10 (core/philox.hpp), some counters at a time.
#include <cstring>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#include "core/philox.hpp"

#include "backend/cpu/kernels/parts.hpp"
#include "backend/cpu/kernels/vector.hpp"

namespace indrnn::cpu::INDRNN_ISA {
namespace {

// Words of 32 bits, each in a lane of 64, as the products need them.
using Words = Vector<std::uint64_t>;
constexpr int width = lanes<std::uint64_t>;

Words multiply(Words a, std::uint32_t b) {
#if defined(__AVX512F__)
  // The form with a mask, as GCC warns of its own header in the form without.
  return (Words)_mm512_maskz_mul_epu32(0xff, (__m512i)a, _mm512_set1_epi64(b));
#elif defined(__AVX2__)
  return (Words)_mm256_mul_epu32((__m256i)a, _mm256_set1_epi64x(b));
#elif defined(__SSE2__)
  return (Words)_mm_mul_epu32((__m128i)a, _mm_set1_epi64x(b));
#else
  return a * b;
#endif
}

void philox_round(PhiloxKey key, Words* c) {
  const Words low_bits = Words{} + 0xffffffffu;
  const Words product0 = multiply(c[0], philox_multiplier0), product1 = multiply(c[2], philox_multiplier1);
  c[0] = (product1 >> 32) ^ c[1] ^ key.first;
  c[1] = product1 & low_bits;
  c[2] = (product0 >> 32) ^ c[3] ^ key.second;
  c[3] = product0 & low_bits;
}

// Eight vectors at most are in flight: two groups of counters hide the latency of the products.
constexpr int groups = 2;
constexpr int numbers = 4 * groups * width;

void draw(const RandomCounters& first, std::int64_t start, float* uniforms) {
  Words c[groups][4];
  for (int g = 0; g < groups; ++g) {
    Words counter;
    for (int i = 0; i < width; ++i) {
      counter[i] = first.low + static_cast<std::uint64_t>(start / 4 + g * width + i);
    }
    c[g][0] = counter & (Words{} + 0xffffffffu);
    c[g][1] = counter >> 32;
    c[g][2] = Words{} + (first.high & 0xffffffffu);
    c[g][3] = Words{} + (first.high >> 32);
  }
  PhiloxKey key(first.key);
  for (int round = 0; round < philox_rounds; ++round, key.next()) {
    for (int g = 0; g < groups; ++g) philox_round(key, c[g]);
  }
  for (int g = 0; g < groups; ++g) {
    for (int word = 0; word < 4; ++word) {
      for (int i = 0; i < width; ++i) {
        uniforms[4 * (g * width + i) + word] = uniform_float(static_cast<std::uint32_t>(c[g][word][i]));
      }
    }
  }
}

void uniform_floats(const RandomCounters& first, std::int64_t count, float* uniforms) {
  std::int64_t start = 0;
  for (; start + numbers <= count; start += numbers) draw(first, start, uniforms + start);
  if (start == count) return;
  float last[numbers];
  draw(first, start, last);
  std::memcpy(uniforms + start, last, static_cast<std::size_t>(count - start) * sizeof(float));
}

}  // namespace

template <class T>
void add_random(Kernels<T>& table) {
  table.uniform_floats = uniform_floats;
}

template void add_random(Kernels<float>&);
template void add_random(Kernels<double>&);

}  // namespace indrnn::cpu::INDRNN_ISA
