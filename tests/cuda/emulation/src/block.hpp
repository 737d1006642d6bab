// A block of threads while it runs, and what its threads use to meet. fiber_block.cpp and thread_block.cpp say how the
// threads are executed.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "counters.hpp"
#include "emulation/kernel.hpp"

namespace emulation {

struct Launch {
  std::string name;
  dim3 grid;
  dim3 block;
  std::size_t shared_bytes = 0;
  int device = 0;
  std::function<void()> thread;  // the kernel with its arguments
  std::uint64_t number = 0;      // of this launch in the process
  Counters* counters = nullptr;

  unsigned threads() const { return block.x * block.y * block.z; }
};

// Threads that wait for each other: a barrier of the block, or lanes of a warp.
struct Meeting {
  unsigned expected = 0;
  unsigned arrived = 0;
  std::uint64_t generation = 0;  // grows each time all have arrived
  Where where;                   // of the first to arrive
  std::mutex mutex;              // the rest is used by real threads only
  std::condition_variable changed;
};

struct WarpMeeting {
  unsigned mask = 0;
  Meeting meeting;
  // Two places, used in turn: a lane that is a meeting ahead does not overwrite what others still read.
  std::array<std::array<std::uint64_t, 32>, 2> values{};
};

struct Warp {
  WarpMeeting all;
  std::mutex mutex;
  std::vector<std::unique_ptr<WarpMeeting>> parts;  // by mask
};

class Block {
 public:
  Block(const Launch& launch, std::uint64_t block_number);
  virtual ~Block() = default;
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  const Launch& launch() const { return launch_; }
  void barrier(Where where);
  const std::uint64_t* exchange(unsigned mask, std::uint64_t value, Where where);
  void* dynamic_shared_memory() { return shared_.get(); }
  void* static_shared_memory(const void* key, std::size_t bytes);

 protected:
  // Returns when all expected threads have arrived.
  virtual void meet(Meeting& meeting, Where where) = 0;
  // Sets threadIdx and the rest for the thread that is about to run on this operating system thread.
  void enter_thread(unsigned thread);
  // Counts the thread in; fails if it stands at another line than the others.
  void arrive(Meeting& meeting, Where where) const;

  Meeting barrier_;
  uint3 index_{};
  const Launch& launch_;

 private:
  WarpMeeting& warp_meeting(unsigned mask);

  struct Free {
    void operator()(void* pointer) const;
  };
  std::unique_ptr<void, Free> shared_;
  std::vector<std::unique_ptr<Warp>> warps_;
  std::mutex static_mutex_;
  std::map<const void*, std::unique_ptr<void, Free>> static_shared_;
};

// The block whose thread is running on this operating system thread, or nullptr in host code.
Block* current_block();
unsigned current_thread();
void leave_block();

// Runs all blocks of a launch, in random order.
void run_on_fibers(const Launch& launch);
void run_on_real_threads(const Launch& launch);

}  // namespace emulation
