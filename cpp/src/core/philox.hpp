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

static constexpr int philox_rounds = 10;
static constexpr uint32_t philox_multiplier0 = 0xD2511F53u, philox_multiplier1 = 0xCD9E8D57u;

struct PhiloxKey {
  uint32_t first, second;

  INDRNN_HOST_DEVICE explicit PhiloxKey(uint64_t key)
      : first(static_cast<uint32_t>(key)), second(static_cast<uint32_t>(key >> 32)) {}
  INDRNN_HOST_DEVICE void next() {
    first += 0x9E3779B9u;   // the golden ratio
    second += 0xBB67AE85u;  // the square root of 3, minus 1
  }
};

INDRNN_HOST_DEVICE inline void philox_round(PhiloxKey key, uint32_t& c0, uint32_t& c1, uint32_t& c2,
                                            uint32_t& c3) {
  const uint64_t product0 = uint64_t{philox_multiplier0} * c0;
  const uint64_t product1 = uint64_t{philox_multiplier1} * c2;
  c0 = static_cast<uint32_t>(product1 >> 32) ^ c1 ^ key.first;
  c1 = static_cast<uint32_t>(product1);
  c2 = static_cast<uint32_t>(product0 >> 32) ^ c3 ^ key.second;
  c3 = static_cast<uint32_t>(product0);
}

INDRNN_HOST_DEVICE inline Random4 philox(uint64_t key, Random4 counter) {
  PhiloxKey round_key(key);
  uint32_t* c = counter.word;
  for (int round = 0; round < philox_rounds; ++round) {
    philox_round(round_key, c[0], c[1], c[2], c[3]);
    round_key.next();
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
