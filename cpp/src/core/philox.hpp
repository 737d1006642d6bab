// Philox 4x32-10, a counter-based random number generator (Salmon, Moraes, Dror, Shaw: Parallel Random Numbers: As
// Easy as 1, 2, 3; SC 2011). The value at (key, counter) is a pure function, so any thread, in any order, and a GPU,
// draw the same numbers. Header-only and free of the standard library, for CUDA code too.
#pragma once

#include <stdint.h>

#if defined(__CUDACC__)
#define INDRNN_HOST_DEVICE __host__ __device__
#else
#define INDRNN_HOST_DEVICE
#endif

namespace indrnn {

struct Random4 {
  uint32_t word[4];
};

INDRNN_HOST_DEVICE inline Random4 philox(uint64_t key, Random4 counter) {
  uint32_t key0 = static_cast<uint32_t>(key), key1 = static_cast<uint32_t>(key >> 32);
  uint32_t* c = counter.word;
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = uint64_t{0xD2511F53u} * c[0];
    const uint64_t product1 = uint64_t{0xCD9E8D57u} * c[2];
    const uint32_t next0 = static_cast<uint32_t>(product1 >> 32) ^ c[1] ^ key0;
    const uint32_t next2 = static_cast<uint32_t>(product0 >> 32) ^ c[3] ^ key1;
    c[0] = next0;
    c[1] = static_cast<uint32_t>(product1);
    c[2] = next2;
    c[3] = static_cast<uint32_t>(product0);
    key0 += 0x9E3779B9u;  // the golden ratio
    key1 += 0xBB67AE85u;  // the square root of 3, minus 1
  }
  return counter;
}

// The counter made of two 64-bit numbers, e.g. (position, stream).
INDRNN_HOST_DEVICE inline Random4 philox(uint64_t key, uint64_t low, uint64_t high) {
  return philox(key, Random4{{static_cast<uint32_t>(low), static_cast<uint32_t>(low >> 32),
                              static_cast<uint32_t>(high), static_cast<uint32_t>(high >> 32)}});
}

// Uniform in [0, 1), all 24 (53) bits random.
INDRNN_HOST_DEVICE inline float uniform_float(uint32_t word) {
  return static_cast<float>(word >> 8) * (1.0f / 16777216.0f);
}
INDRNN_HOST_DEVICE inline double uniform_double(uint32_t high, uint32_t low) {
  return static_cast<double>((uint64_t{high} << 32 | low) >> 11) * (1.0 / 9007199254740992.0);
}

}  // namespace indrnn
