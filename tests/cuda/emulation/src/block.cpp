#include "block.hpp"

#include <bit>
#include <cstdlib>
#include <cstring>

#include "failure.hpp"

constinit thread_local uint3 threadIdx{};
constinit thread_local uint3 blockIdx{};
constinit thread_local dim3 blockDim{};
constinit thread_local dim3 gridDim{};

namespace emulation {
namespace {

constinit thread_local Block* running_block = nullptr;
constinit thread_local unsigned running_thread = 0;

// Memory filled with NaN, as shared memory holds garbage when a block starts.
void* garbage(std::size_t bytes) {
  const std::size_t size = std::max<std::size_t>(bytes, 1);
  void* memory = nullptr;
  if (posix_memalign(&memory, 128, size) != 0) fail("the host has no memory for shared memory");
  std::memset(memory, 0xff, size);
  return memory;
}

}  // namespace

void Block::Free::operator()(void* pointer) const { std::free(pointer); }

Block::Block(const Launch& launch, std::uint64_t block_number)
    : launch_(launch), shared_(garbage(launch.shared_bytes)) {
  index_.x = static_cast<unsigned>(block_number % launch.grid.x);
  index_.y = static_cast<unsigned>(block_number / launch.grid.x % launch.grid.y);
  index_.z = static_cast<unsigned>(block_number / launch.grid.x / launch.grid.y);
  barrier_.expected = launch.threads();
  for (unsigned first = 0; first < launch.threads(); first += 32) {
    warps_.push_back(std::make_unique<Warp>());
    warps_.back()->all.mask = 0xffffffffU;
    warps_.back()->all.meeting.expected = std::min(32U, launch.threads() - first);
  }
}

void Block::enter_thread(unsigned thread) {
  const dim3& size = launch_.block;
  threadIdx = {thread % size.x, thread / size.x % size.y, thread / size.x / size.y};
  blockIdx = index_;
  blockDim = size;
  gridDim = launch_.grid;
  running_block = this;
  running_thread = thread;
}

void Block::arrive(Meeting& meeting, Where where) const {
  if (meeting.arrived == 0) {
    meeting.where = where;
  } else if (meeting.where.line() != where.line() ||
             std::strcmp(meeting.where.file_name(), where.file_name()) != 0) {
    fail("divergent barrier: one thread waits at " + text(meeting.where) + ", another at " + text(where));
  }
  ++meeting.arrived;
}

void Block::barrier(Where where) { meet(barrier_, where); }

WarpMeeting& Block::warp_meeting(unsigned mask) {
  Warp& warp = *warps_[running_thread / 32];
  if (mask == 0xffffffffU) return warp.all;
  const std::scoped_lock lock(warp.mutex);
  for (const auto& part : warp.parts) {
    if (part->mask == mask) return *part;
  }
  WarpMeeting& made = *warp.parts.emplace_back(std::make_unique<WarpMeeting>());
  made.mask = mask;
  const unsigned lanes = warp.all.meeting.expected;
  made.meeting.expected =
      static_cast<unsigned>(std::popcount(lanes == 32 ? mask : mask & ((1U << lanes) - 1U)));
  return made;
}

const std::uint64_t* Block::exchange(unsigned mask, std::uint64_t value, Where where) {
  const unsigned lane = running_thread % 32;
  if ((mask >> lane & 1U) == 0)
    fail("a lane calls a warp function whose mask leaves it out, at " + text(where));
  WarpMeeting& warp = warp_meeting(mask);
  // Nobody changes the generation before this lane has arrived.
  std::array<std::uint64_t, 32>& values = warp.values[warp.meeting.generation & 1U];
  values[lane] = value;
  meet(warp.meeting, where);
  return values.data();
}

void* Block::static_shared_memory(const void* key, std::size_t bytes) {
  const std::scoped_lock lock(static_mutex_);
  auto& array = static_shared_[key];
  if (!array) array.reset(garbage(bytes));
  return array.get();
}

Block* current_block() { return running_block; }
unsigned current_thread() { return running_thread; }
void leave_block() { running_block = nullptr; }

namespace {

Block& block_of_this_thread(const char* function) {
  if (running_block == nullptr) fail(std::string(function) + " is called outside of a kernel");
  return *running_block;
}

}  // namespace

void block_barrier(Where where) { block_of_this_thread("__syncthreads").barrier(where); }

const std::uint64_t* exchange(unsigned mask, std::uint64_t value, Where where) {
  return block_of_this_thread("a warp function").exchange(mask, value, where);
}

unsigned lane() { return running_thread % 32; }

void bad_shuffle(unsigned mask, unsigned source, Where where) {
  fail("a shuffle at " + text(where) + " reads lane " + std::to_string(source) + ", which its mask " +
       std::to_string(mask) + " leaves out");
}

void* dynamic_shared_memory(std::size_t alignment) {
  if (alignment > 128) fail("dynamic shared memory is aligned to 128 bytes");
  return block_of_this_thread("shared_memory").dynamic_shared_memory();
}

void* static_shared_memory(const void* key, std::size_t bytes) {
  return block_of_this_thread("shared_array").static_shared_memory(key, bytes);
}

}  // namespace emulation
