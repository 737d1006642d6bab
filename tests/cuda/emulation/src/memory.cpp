#include "memory.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>

#include "address_range.hpp"
#include "block.hpp"
#include "counters.hpp"
#include "emulation/runtime_api.hpp"
#include "failure.hpp"
#include "options.hpp"
#include "red_zones.hpp"
#include "runtime.hpp"

namespace emulation {
namespace {

constexpr std::size_t most_pinned_bytes = std::size_t{1} << 40U;  // no host has as many
std::array<std::uint64_t, most_devices> used_bytes{};
std::uint64_t allocations_made = 0;
// Grows when an allocation comes or goes; what threads remember about allocations is then out of date.
std::atomic<std::uint64_t> epoch = 1;

std::map<const char*, Allocation>& allocations() {
  static std::map<const char*, Allocation> instance;  // by address
  return instance;
}

// Fresh memory holds NaN. Of a large buffer only the two ends do: every page that is touched once makes each opening and
// closing of the device's memory slower.
void fill_with_garbage(char* begin, std::size_t bytes) {
  constexpr std::size_t end = std::size_t{1} << 20U;
  if (bytes <= 2 * end) {
    std::memset(begin, 0xff, bytes);
  } else {
    std::memset(begin, 0xff, end);
    std::memset(begin + bytes - end, 0xff, end);
  }
}

cudaError_t allocate(void** pointer, std::size_t bytes, MemoryKind kind, const char* function) {
  if (const cudaError_t error = check_context(); error != cudaSuccess) return error;
  if (pointer == nullptr) return failed(cudaErrorInvalidValue);
  if (const cudaError_t error = check_not_capturing(function); error != cudaSuccess) return error;
  *pointer = nullptr;
  if (bytes == 0) return cudaSuccess;
  const int device = current_device();
  std::uint64_t& used = used_bytes[static_cast<std::size_t>(device)];
  Allocation made{.begin = nullptr,
                  .bytes = bytes,
                  .kind = kind,
                  .device = device,
                  .number = allocations_made++,
                  .red_zones = {}};
  if (kind == MemoryKind::device) {
    if (bytes > options().memory - std::min(used, static_cast<std::uint64_t>(options().memory))) {
      return failed(cudaErrorMemoryAllocation);
    }
    char* taken = address_range(device).take(bytes + 2 * red_zone_bytes);
    if (taken == nullptr) return failed(cudaErrorMemoryAllocation);
    made.begin = taken + red_zone_bytes;
    used += bytes;
    const OpenDeviceMemory open(device);
    fill_with_garbage(made.begin, bytes);
    close_around(made);
  } else {
    void* memory = bytes > most_pinned_bytes ? nullptr : std::aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (memory == nullptr) return failed(cudaErrorMemoryAllocation);
    made.begin = static_cast<char*>(memory);
    std::memset(made.begin, 0xff, bytes);
  }
  ++epoch;
  *pointer = made.begin;
  allocations()[made.begin] = made;
  return cudaSuccess;
}

// Without any waiting for work under way.
void release_now(const Allocation freed, const char* function) {
  if (freed.kind == MemoryKind::device) {
    const OpenDeviceMemory open(freed.device);
    check_red_zones(freed.device, function);
    close_freed(freed);
    address_range(freed.device).give_back(freed.begin - red_zone_bytes, freed.bytes + 2 * red_zone_bytes);
    used_bytes[static_cast<std::size_t>(freed.device)] -= freed.bytes;
  } else {
    std::free(freed.begin);
  }
  ++epoch;
  allocations().erase(freed.begin);
}

cudaError_t release(void* pointer, MemoryKind kind, const char* function) {
  if (const cudaError_t error = check_context(); error != cudaSuccess) return error;
  if (pointer == nullptr) return cudaSuccess;
  if (const cudaError_t error = check_not_capturing(function); error != cudaSuccess) return error;
  const auto found = allocations().find(static_cast<char*>(pointer));
  if (found == allocations().end() || found->second.kind != kind) {
    return failed(cudaErrorInvalidValue, std::string(function) + ": " + text_of_address(pointer) +
                                             " was not allocated, or was freed before");
  }
  drain_device(found->second.device);  // as on a GPU, freeing waits for the work under way
  release_now(found->second, function);
  return cudaSuccess;
}

// What a thread found lately.
struct Found {
  const char* begin = nullptr;
  const char* end = nullptr;
  int device = 0;
  MemoryKind kind = MemoryKind::device;
};
struct FoundLately {
  std::uint64_t epoch = 0;
  unsigned next = 0;
  std::array<Found, 4> places;
};

void check_access(const void* pointer, std::size_t bytes, std::size_t alignment, const char* verb) {
  const char* begin = static_cast<const char*>(pointer);
  if (reinterpret_cast<std::uintptr_t>(begin) % alignment != 0) {
    fail(std::string("a kernel ") + verb + " " + std::to_string(bytes) + " bytes at " +
         text_of_address(pointer) + ", which is not a multiple of " + std::to_string(alignment));
  }
  const int device = current_block()->launch().device;
  static thread_local FoundLately lately;
  if (lately.epoch != epoch.load(std::memory_order_relaxed))
    lately = {epoch.load(std::memory_order_relaxed), 0, {}};
  for (const Found& place : lately.places) {
    if (begin < place.begin || begin + bytes > place.end) continue;
    if (place.kind == MemoryKind::pinned || place.device == device) return;
  }
  const Allocation* allocation = find_allocation(pointer);
  const std::string access =
      std::string("a kernel ") + verb + " " + std::to_string(bytes) + " bytes at " + text_of_address(pointer);
  if (allocation == nullptr) {
    // Just past a buffer's end is the common mistake.
    const Allocation* before = find_allocation(begin - bytes);
    fail(access + (before == nullptr
                       ? ", which is not device memory"
                       : ", " + std::to_string(begin - before->end()) +
                             " bytes past the end of a buffer of " + std::to_string(before->bytes)));
  }
  if (begin + bytes > allocation->end()) {
    fail(access + ", over the end of a buffer of " + std::to_string(allocation->bytes));
  }
  if (allocation->kind == MemoryKind::device && allocation->device != device) {
    fail(access + ", memory of device " + std::to_string(allocation->device) + ", from device " +
         std::to_string(device));
  }
  lately.places[lately.next++ % 4] = {allocation->begin, allocation->end(), allocation->device,
                                      allocation->kind};
}

}  // namespace

const Allocation* find_allocation(const void* address) {
  const auto after = allocations().upper_bound(static_cast<const char*>(address));
  if (after == allocations().begin()) return nullptr;
  const Allocation& candidate = std::prev(after)->second;
  return static_cast<const char*>(address) < candidate.end() ? &candidate : nullptr;
}

bool inside_device_memory(const void* address, std::size_t bytes, int device) {
  const Allocation* allocation = find_allocation(address);
  return allocation != nullptr && allocation->kind == MemoryKind::device && allocation->device == device &&
         bytes <= static_cast<std::size_t>(allocation->end() - static_cast<const char*>(address));
}

void check_red_zones(int device, const char* after) {
  for (const auto& [address, allocation] : allocations()) {
    if (allocation.kind == MemoryKind::device && allocation.device == device) check_around(allocation, after);
  }
}

std::uint64_t live_bytes(int device) { return used_bytes[static_cast<std::size_t>(device)]; }

void red_zone(void* pointer, std::size_t bytes) {
  const std::scoped_lock lock(runtime_mutex());
  const Allocation* holder = find_allocation(pointer);
  char* begin = static_cast<char*>(pointer);
  if (holder == nullptr || begin + bytes > holder->end()) fail("red_zone: not inside one allocation");
  drain_device(holder->device);
  const OpenDeviceMemory open(holder->device);
  Allocation& allocation = allocations().at(holder->begin);
  allocation.red_zones[begin] = bytes;
  close_zone(begin, bytes);
}

void clear_red_zones(void* pointer) {
  const std::scoped_lock lock(runtime_mutex());
  const auto found = allocations().find(static_cast<char*>(pointer));
  if (found == allocations().end()) fail("clear_red_zones: not an allocation");
  const OpenDeviceMemory open(found->second.device);
  for (const auto& [begin, bytes] : found->second.red_zones) open_zone(begin, bytes);
  found->second.red_zones.clear();
}

void count_load(const void* pointer, std::size_t bytes, std::size_t alignment) {
  if (current_block() == nullptr) fail("load() is called outside of a kernel");
  check_access(pointer, bytes, alignment, "reads");
  current_block()->launch().counters->bytes_read.fetch_add(bytes, std::memory_order_relaxed);
}

void count_store(const void* pointer, std::size_t bytes, std::size_t alignment) {
  if (current_block() == nullptr) fail("store() is called outside of a kernel");
  check_access(pointer, bytes, alignment, "writes");
  current_block()->launch().counters->bytes_written.fetch_add(bytes, std::memory_order_relaxed);
}

}  // namespace emulation

using namespace emulation;

cudaError_t cudaMalloc(void** pointer, std::size_t bytes) {
  const std::scoped_lock lock(runtime_mutex());
  ++calls()["cudaMalloc"];
  return allocate(pointer, bytes, MemoryKind::device, "cudaMalloc");
}
cudaError_t cudaFree(void* pointer) {
  const std::scoped_lock lock(runtime_mutex());
  ++calls()["cudaFree"];
  return release(pointer, MemoryKind::device, "cudaFree");
}
cudaError_t cudaHostAlloc(void** pointer, std::size_t bytes, unsigned) {
  const std::scoped_lock lock(runtime_mutex());
  ++calls()["cudaHostAlloc"];
  return allocate(pointer, bytes, MemoryKind::pinned, "cudaHostAlloc");
}
cudaError_t cudaMallocHost(void** pointer, std::size_t bytes) { return cudaHostAlloc(pointer, bytes, 0); }
cudaError_t cudaFreeHost(void* pointer) {
  const std::scoped_lock lock(runtime_mutex());
  ++calls()["cudaFreeHost"];
  return release(pointer, MemoryKind::pinned, "cudaFreeHost");
}
cudaError_t cudaMallocAsync(void** pointer, std::size_t bytes, cudaStream_t stream) {
  const std::scoped_lock lock(runtime_mutex());
  if (const cudaError_t error = check_stream(stream); error != cudaSuccess) return error;
  return allocate(pointer, bytes, MemoryKind::device, "cudaMallocAsync");
}
cudaError_t cudaFreeAsync(void* pointer, cudaStream_t stream) {
  const std::scoped_lock lock(runtime_mutex());
  if (const cudaError_t error = check_not_capturing("cudaFreeAsync"); error != cudaSuccess) return error;
  return enqueue(stream, {Operation::Kind::host,
                          [pointer] {
                            const auto found = allocations().find(static_cast<char*>(pointer));
                            if (found == allocations().end()) fail("cudaFreeAsync: not an allocation");
                            release_now(found->second, "cudaFreeAsync");
                          },
                          nullptr});
}
cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  const std::scoped_lock lock(runtime_mutex());
  if (const cudaError_t error = check_driver(); error != cudaSuccess) return error;
  *total = options().memory;
  *free = options().memory - static_cast<std::size_t>(live_bytes(current_device()));
  return cudaSuccess;
}
cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* pointer) {
  const std::scoped_lock lock(runtime_mutex());
  if (const cudaError_t error = check_context(); error != cudaSuccess) return error;
  const Allocation* allocation = find_allocation(pointer);
  void* address = const_cast<void*>(pointer);
  if (allocation == nullptr) {
    *attributes = {cudaMemoryTypeUnregistered, -2, nullptr, address};
  } else if (allocation->kind == MemoryKind::device) {
    *attributes = {cudaMemoryTypeDevice, allocation->device, address, nullptr};
  } else {
    *attributes = {cudaMemoryTypeHost, allocation->device, address, address};
  }
  return cudaSuccess;
}
