#include "red_zones.hpp"

#include <cstring>
#include <string>

#include "failure.hpp"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

namespace emulation {

#ifdef __SANITIZE_ADDRESS__

void close_zone(char* begin, std::size_t bytes) { __asan_poison_memory_region(begin, bytes); }
void open_zone(char* begin, std::size_t bytes) { __asan_unpoison_memory_region(begin, bytes); }
void check_around(const Allocation&, const char*) {}

#else

namespace {

constexpr unsigned char pattern = 0xa5;

void check_zone(const char* begin, std::size_t bytes, const Allocation& allocation, const char* after) {
  for (std::size_t i = 0; i < bytes; ++i) {
    if (static_cast<unsigned char>(begin[i]) == pattern) continue;
    const std::ptrdiff_t offset = begin + i - allocation.begin;
    const bool inside = offset >= 0 && offset < static_cast<std::ptrdiff_t>(allocation.bytes);
    fail(std::string(after) + " wrote " + (inside ? "between the parts" : "outside") + " of a buffer of " +
         std::to_string(allocation.bytes) + " bytes, at its offset " + std::to_string(offset));
  }
}

}  // namespace

void close_zone(char* begin, std::size_t bytes) { std::memset(begin, pattern, bytes); }
void open_zone(char* begin, std::size_t bytes) { std::memset(begin, 0xff, bytes); }

void check_around(const Allocation& allocation, const char* after) {
  check_zone(allocation.begin - red_zone_bytes, red_zone_bytes, allocation, after);
  check_zone(allocation.begin + allocation.bytes, red_zone_bytes, allocation, after);
  for (const auto& [begin, bytes] : allocation.red_zones) check_zone(begin, bytes, allocation, after);
}

#endif

void close_around(const Allocation& allocation) {
  close_zone(allocation.begin - red_zone_bytes, red_zone_bytes);
  close_zone(allocation.begin + allocation.bytes, red_zone_bytes);
}

void close_freed(const Allocation& allocation) {
  for (const auto& [begin, bytes] : allocation.red_zones) open_zone(begin, bytes);
#ifdef __SANITIZE_ADDRESS__
  close_zone(allocation.begin, allocation.bytes);
#endif
}

}  // namespace emulation
