#include "runtime/block_cache.hpp"

#include <algorithm>
#include <utility>

namespace indrnn::cuda {
namespace {

constexpr std::uint64_t long_unused = 1024;  // requests

// A larger block serves too, as long as little of it lies idle: sizes that vary by a few steps of time share blocks.
constexpr std::size_t most_bytes_for(std::size_t bytes) {
  return bytes + std::max<std::size_t>(bytes / 8, 512);
}

struct Caches {
  std::mutex mutex;
  std::vector<std::weak_ptr<BlockCache>> all;
};

// Never destroyed: networks may end after static objects do.
Caches& caches() {
  static auto* instance = new Caches;
  return *instance;
}

}  // namespace

std::shared_ptr<BlockCache> BlockCache::make(int device) {
  std::shared_ptr<BlockCache> cache(new BlockCache(device));
  Caches& known = caches();
  const std::scoped_lock lock(known.mutex);
  std::erase_if(known.all, [](const auto& each) { return each.expired(); });
  known.all.push_back(cache);
  return cache;
}

std::shared_ptr<void> BlockCache::take(std::size_t bytes) {
  bytes = std::max<std::size_t>(bytes, 1);
  DeviceMemory memory;
  {
    std::vector<DeviceMemory> old;  // freed without the lock
    const std::scoped_lock lock(mutex_);
    ++requests_;
    memory = find(bytes);
    if (memory.get() == nullptr) old = unused_for_long();
  }
  if (memory.get() == nullptr) memory = allocate_device(bytes);
  void* block = memory.get();
  {
    const std::scoped_lock lock(mutex_);
    taken_.emplace(static_cast<const std::byte*>(block), Taken{std::move(memory), requests_, false});
  }
  return {block, [cache = shared_from_this()](void* pointer) { cache->give_back(pointer); }};
}

DeviceMemory BlockCache::find(std::size_t bytes) {
  const auto found = free_.lower_bound(bytes);
  if (found == free_.end() || found->first > most_bytes_for(bytes)) return {};
  return std::move(free_.extract(found).mapped().memory);
}

std::vector<DeviceMemory> BlockCache::unused_for_long() {
  std::vector<DeviceMemory> old;
  for (auto block = free_.begin(); block != free_.end();) {
    const auto next = std::next(block);
    if (block->second.since + long_unused < requests_)
      old.push_back(std::move(free_.extract(block).mapped().memory));
    block = next;
  }
  return old;
}

void BlockCache::hand_out(const void* inside) {
  const auto* address = static_cast<const std::byte*>(inside);
  const std::scoped_lock lock(mutex_);
  const auto after = taken_.upper_bound(address);
  if (after == taken_.begin()) return;
  const auto block = std::prev(after);
  if (address < block->first + block->second.memory.bytes()) block->second.handed_out = true;
}

void BlockCache::give_back(void* block) noexcept {
  DeviceMemory freed;  // without the lock
  const std::scoped_lock lock(mutex_);
  Taken taken = std::move(taken_.extract(static_cast<const std::byte*>(block)).mapped());
  if (closed_ || taken.handed_out) {
    freed = std::move(taken.memory);
  } else {
    keep(std::move(taken.memory), taken.request);
  }
}

void BlockCache::keep(DeviceMemory memory, std::uint64_t request) {
  if (!holds_.empty() && request <= *holds_.rbegin()) {
    held_.push_back({std::move(memory), request, false});
  } else {
    const std::size_t bytes = memory.bytes();
    free_.emplace(bytes, Free{std::move(memory), requests_});
  }
}

std::shared_ptr<void> BlockCache::hold_taken() {
  std::uint64_t hold = 0;
  {
    const std::scoped_lock lock(mutex_);
    hold = *holds_.insert(requests_);
  }
  return {this, [cache = shared_from_this(), hold](void*) { cache->release(hold); }};
}

void BlockCache::release(std::uint64_t hold) noexcept {
  const std::scoped_lock lock(mutex_);
  holds_.erase(holds_.find(hold));
  for (Taken& each : std::exchange(held_, {})) keep(std::move(each.memory), each.request);
}

void BlockCache::empty() {
  std::multimap<std::size_t, Free> freed;  // without the lock
  const std::scoped_lock lock(mutex_);
  freed.swap(free_);
}

void BlockCache::close() {
  std::vector<Taken> held;
  std::multimap<std::size_t, Free> freed;
  const std::scoped_lock lock(mutex_);
  closed_ = true;
  held.swap(held_);
  freed.swap(free_);
}

void free_unused_blocks(int device) {
  std::vector<std::shared_ptr<BlockCache>> of_device;
  {
    Caches& known = caches();
    const std::scoped_lock lock(known.mutex);
    for (const auto& each : known.all) {
      if (auto cache = each.lock(); cache != nullptr && cache->device() == device)
        of_device.push_back(std::move(cache));
    }
  }
  for (const auto& cache : of_device) cache->empty();
}

}  // namespace indrnn::cuda
