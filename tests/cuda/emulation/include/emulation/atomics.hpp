// Atomics on integers. None on floats: sums in an order that varies would not be the same bits every run.
#pragma once

#include <algorithm>
#include <concepts>
#include <type_traits>

template <std::integral T>
T atomicAdd(T* address, std::type_identity_t<T> value) {
  return __atomic_fetch_add(address, value, __ATOMIC_RELAXED);
}
template <std::integral T>
T atomicOr(T* address, std::type_identity_t<T> value) {
  return __atomic_fetch_or(address, value, __ATOMIC_RELAXED);
}
template <std::integral T>
T atomicExch(T* address, std::type_identity_t<T> value) {
  return __atomic_exchange_n(address, value, __ATOMIC_RELAXED);
}
template <std::integral T>
T atomicCAS(T* address, std::type_identity_t<T> compare, std::type_identity_t<T> value) {
  __atomic_compare_exchange_n(address, &compare, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
  return compare;
}

namespace emulation {

template <class T, class Change>
T change_atomically(T* address, Change change) {
  T old = __atomic_load_n(address, __ATOMIC_RELAXED);
  while (
      !__atomic_compare_exchange_n(address, &old, change(old), false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
  }
  return old;
}

}  // namespace emulation

template <std::integral T>
T atomicMax(T* address, std::type_identity_t<T> value) {
  return emulation::change_atomically(address, [value](T old) { return std::max(old, value); });
}
template <std::integral T>
T atomicMin(T* address, std::type_identity_t<T> value) {
  return emulation::change_atomically(address, [value](T old) { return std::min(old, value); });
}
// Counts up to limit and begins again at 0.
inline unsigned atomicInc(unsigned* address, unsigned limit) {
  return emulation::change_atomically(address,
                                      [limit](unsigned old) { return old >= limit ? 0U : old + 1U; });
}
