// Device memory: one range of addresses per device, closed (PROT_NONE) unless a kernel or a copy of that device runs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>

namespace emulation {

enum class MemoryKind : std::uint8_t { device, pinned };

struct Allocation {
  char* begin = nullptr;
  std::size_t bytes = 0;
  MemoryKind kind = MemoryKind::device;
  int device = 0;
  std::uint64_t number = 0;
  std::map<char*, std::size_t> red_zones;  // inside, from the layout of a workspace

  char* end() const { return begin + bytes; }
};

// The live allocation that holds the address, or nullptr.
const Allocation* find_allocation(const void* address);
// Whether the address lies in a device's range, live or not.
bool in_device_range(const void* address);
// Whether `bytes` from the address lie inside one live allocation of this device.
bool inside_device_memory(const void* address, std::size_t bytes, int device);

// While one lives, the device's memory can be touched.
class OpenDeviceMemory {
 public:
  explicit OpenDeviceMemory(int device);
  ~OpenDeviceMemory();
  OpenDeviceMemory(const OpenDeviceMemory&) = delete;
  OpenDeviceMemory& operator=(const OpenDeviceMemory&) = delete;

 private:
  int device_;
};

// Fails if something was written around allocations or into red zones; `after` says what ran.
void check_red_zones(int device, const char* after);

}  // namespace emulation
