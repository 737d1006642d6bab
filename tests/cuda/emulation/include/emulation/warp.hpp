// Warp shuffles and votes. All lanes of the mask must reach the same line.
#pragma once

#include <cstring>

#include "emulation/kernel.hpp"

namespace emulation {

[[noreturn]] void bad_shuffle(unsigned mask, unsigned source, Where where);

// Lane `source` of this lane's group of `width` lanes; outside of the group the lane's own value, as on a GPU.
template <class T>
T shuffle(unsigned mask, T value, int source, bool inside, Where where) {
  static_assert(sizeof(T) <= sizeof(std::uint64_t), "shuffles move 4 or 8 bytes");
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  const std::uint64_t* all = exchange(mask, bits, where);
  if (!inside) return value;
  if ((mask >> source & 1U) == 0) bad_shuffle(mask, static_cast<unsigned>(source), where);
  T result;
  std::memcpy(&result, &all[source], sizeof(T));
  return result;
}

}  // namespace emulation

inline void __syncwarp(unsigned mask = 0xffffffffU, emulation::Where where = emulation::Where::current()) {
  emulation::exchange(mask, 0, where);
}

template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32,
              emulation::Where where = emulation::Where::current()) {
  const int lane = static_cast<int>(emulation::lane());
  return emulation::shuffle(mask, value, (lane & ~(width - 1)) + (source & (width - 1)), true, where);
}

template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32,
                 emulation::Where where = emulation::Where::current()) {
  const int lane = static_cast<int>(emulation::lane());
  const int source = lane - static_cast<int>(delta);
  return emulation::shuffle(mask, value, source, source >= (lane & ~(width - 1)), where);
}

template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32,
                   emulation::Where where = emulation::Where::current()) {
  const int lane = static_cast<int>(emulation::lane());
  const int source = lane + static_cast<int>(delta);
  return emulation::shuffle(mask, value, source, source < (lane & ~(width - 1)) + width, where);
}

template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = 32,
                  emulation::Where where = emulation::Where::current()) {
  const int lane = static_cast<int>(emulation::lane());
  const int source = lane ^ lanes;
  return emulation::shuffle(mask, value, source, source < (lane & ~(width - 1)) + width, where);
}

inline unsigned __ballot_sync(unsigned mask, int predicate,
                              emulation::Where where = emulation::Where::current()) {
  const std::uint64_t* all = emulation::exchange(mask, predicate != 0 ? 1 : 0, where);
  unsigned votes = 0;
  for (unsigned lane = 0; lane < 32; ++lane) {
    if ((mask >> lane & 1U) != 0 && all[lane] != 0) votes |= 1U << lane;
  }
  return votes;
}
inline int __any_sync(unsigned mask, int predicate, emulation::Where where = emulation::Where::current()) {
  return __ballot_sync(mask, predicate, where) != 0;
}
inline int __all_sync(unsigned mask, int predicate, emulation::Where where = emulation::Where::current()) {
  return __ballot_sync(mask, predicate, where) == mask;
}
