// Bytes around device allocations that nothing may touch. Built with AddressSanitizer they are poisoned: the access
// itself is reported. Otherwise they hold a pattern, which is compared after every launch: writes are found.
#pragma once

#include "memory.hpp"

namespace emulation {

inline constexpr std::size_t red_zone_bytes = 1024;  // before and after; keeps the alignment of pages / 4

void close_around(const Allocation& allocation);
void close_freed(const Allocation& allocation);
void close_zone(char* begin, std::size_t bytes);
void open_zone(char* begin, std::size_t bytes);
// Fails if the pattern is broken; device memory must be open.
void check_around(const Allocation& allocation, const char* after);

}  // namespace emulation
