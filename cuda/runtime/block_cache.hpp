// Device memory that was given back, kept for the next request of its size: cudaMalloc may, and cudaFree does, wait for
// the device. All work on a block is given to one stream, so the next owner's runs behind the last one's and nobody waits.
//
// Blocks are freed when their network ends, when the device runs out of memory, and those that no request took for long
// when others must be made. Functions may be called from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "runtime/handles.hpp"

namespace indrnn::cuda {

class BlockCache : public std::enable_shared_from_this<BlockCache> {
 public:
  static std::shared_ptr<BlockCache> make(int device);

  // At least `bytes`, holding whatever was there before. The device must be current. Throws OutOfMemory.
  std::shared_ptr<void> take(std::size_t bytes);

  // Others than the stream may use the block that `inside` points into: it is not kept but freed, behind their work.
  void hand_out(const void* inside);

  // As long as what this gives lives, no block that is taken now is used again: a captured graph may name it.
  std::shared_ptr<void> hold_taken();

  // Frees what nobody has.
  void empty();
  // The stream has ended: blocks that come back from now on are freed.
  void close();

  int device() const { return device_; }

 private:
  explicit BlockCache(int device) : device_(device) {}

  struct Taken {
    DeviceMemory memory;
    std::uint64_t request;
    bool handed_out;
  };
  struct Free {
    DeviceMemory memory;
    std::uint64_t since;  // which request was the last one then
  };

  void give_back(void* block) noexcept;
  void release(std::uint64_t hold) noexcept;
  DeviceMemory find(std::size_t bytes);
  std::vector<DeviceMemory> unused_for_long();
  void keep(DeviceMemory memory, std::uint64_t request);

  const int device_;
  std::mutex mutex_;
  bool closed_ = false;
  std::uint64_t requests_ = 0;
  std::map<const std::byte*, Taken> taken_;
  std::multimap<std::size_t, Free> free_;  // by bytes
  std::vector<Taken> held_;                // given back while a graph may name them
  std::multiset<std::uint64_t> holds_;     // of each, the last request before it
};

// Frees the unused blocks of all networks on a device.
void free_unused_blocks(int device);

}  // namespace indrnn::cuda
