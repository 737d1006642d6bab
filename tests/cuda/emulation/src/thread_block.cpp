// A block whose threads are threads of the operating system, for ThreadSanitizer, which then sees a missing barrier as
// the data race that it is. Blocks run one after the other, but nothing that the sanitizer counts as synchronisation
// happens between them, so it also sees two blocks that touch the same memory.
#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "block.hpp"
#include "failure.hpp"
#include "options.hpp"

namespace emulation {
namespace {

constexpr std::chrono::seconds patience{20};
constexpr std::size_t most_threads = 4096;  // the sanitizer allows 8128

class ThreadBlock final : public Block {
 public:
  using Block::Block;

  void run(Random& random, std::vector<std::thread>& threads) {
    std::vector<unsigned> order(launch_.threads());
    for (unsigned i = 0; i < launch_.threads(); ++i) order[i] = i;
    random.shuffle(order);
    for (const unsigned thread : order) {
      threads.emplace_back([this, thread] {
        enter_thread(thread);
        launch_.thread();
        leave_block();
        left_.fetch_add(1, std::memory_order_relaxed);
      });
    }
    while (left_.load(std::memory_order_relaxed) < launch_.threads()) std::this_thread::yield();
  }

 protected:
  void meet(Meeting& meeting, Where where) override {
    std::unique_lock lock(meeting.mutex);
    arrive(meeting, where);
    if (meeting.arrived == meeting.expected) {
      meeting.arrived = 0;
      ++meeting.generation;
      meeting.changed.notify_all();
      return;
    }
    const std::uint64_t before = meeting.generation;
    if (!meeting.changed.wait_for(lock, patience, [&] { return meeting.generation != before; })) {
      fail("deadlock: " + std::to_string(meeting.arrived) + " threads of the block wait at " + text(where) +
           ", " + std::to_string(left_.load(std::memory_order_relaxed)) + " have left the kernel");
    }
  }

 private:
  std::atomic<unsigned> left_ = 0;
};

void join(std::vector<std::thread>& threads, std::vector<std::unique_ptr<ThreadBlock>>& blocks) {
  for (std::thread& thread : threads) thread.join();
  threads.clear();
  blocks.clear();
}

}  // namespace

void run_on_real_threads(const Launch& launch) {
  std::vector<std::uint64_t> order(std::uint64_t{launch.grid.x} * launch.grid.y * launch.grid.z);
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  Random random(launch.number << 24U);
  random.shuffle(order);
  std::vector<std::thread> threads;
  std::vector<std::unique_ptr<ThreadBlock>> blocks;  // their shared memory must not be given to the next
  for (const std::uint64_t block : order) {
    blocks.push_back(std::make_unique<ThreadBlock>(launch, block));
    blocks.back()->run(random, threads);
    if (threads.size() + launch.threads() > most_threads) join(threads, blocks);
  }
  join(threads, blocks);
}

}  // namespace emulation
