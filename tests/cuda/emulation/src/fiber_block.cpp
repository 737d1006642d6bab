// A block whose threads are fibers on the calling thread. A thread runs until it waits or returns; which one runs next
// is random. A kernel without barriers needs only one fiber, used again for each thread.
#include <memory>
#include <vector>

#include "block.hpp"
#include "context.hpp"
#include "failure.hpp"
#include "options.hpp"

namespace emulation {
namespace {

constinit thread_local const Launch* running_launch = nullptr;

void run_threads_for_ever() {
  for (;;) {
    running_launch->thread();
    leave_block();
    Fiber::suspend();
  }
}

// Fibers without a thread to run.
std::vector<std::unique_ptr<Fiber>>& spare_fibers() {
  static thread_local std::vector<std::unique_ptr<Fiber>> fibers;
  return fibers;
}

class FiberBlock final : public Block {
 public:
  FiberBlock(const Launch& launch, std::uint64_t block_number)
      : Block(launch, block_number),
        random_((launch.number << 24U) + block_number + 1),
        fibers_(launch.threads()),
        ready_(launch.threads()) {
    for (unsigned i = 0; i < launch.threads(); ++i) ready_[i] = i;
    random_.shuffle(ready_);
  }

  void run() {
    unsigned finished = 0;
    while (!ready_.empty()) {
      const unsigned thread = ready_.back();
      ready_.pop_back();
      if (resume(thread)) ++finished;
    }
    if (finished != launch_.threads()) deadlock(finished);
  }

 protected:
  void meet(Meeting& meeting, Where where) override {
    const unsigned self = current_thread();
    arrive(meeting, where);
    if (meeting.arrived < meeting.expected) {
      waiting_.push_back({self, &meeting, where});
      Fiber::suspend();
      return;
    }
    meeting.arrived = 0;
    ++meeting.generation;
    std::erase_if(waiting_, [&](const Waiting& each) {
      if (each.meeting != &meeting) return false;
      ready_.push_back(each.thread);
      return true;
    });
    // The last to arrive takes its turn with the others.
    ready_.push_back(self);
    random_.shuffle(ready_);
    Fiber::suspend();
  }

 private:
  struct Waiting {
    unsigned thread;
    Meeting* meeting;
    Where where;
  };

  // Runs a thread until it waits or returns; whether it returned.
  bool resume(unsigned thread) {
    std::unique_ptr<Fiber>& fiber = fibers_[thread];
    if (!fiber) {
      auto& spare = spare_fibers();
      if (spare.empty()) spare.push_back(std::make_unique<Fiber>(&run_threads_for_ever));
      fiber = std::move(spare.back());
      spare.pop_back();
    }
    enter_thread(thread);
    fiber->resume();
    const bool returned = current_block() == nullptr;
    leave_block();
    if (returned) spare_fibers().push_back(std::move(fiber));
    return returned;
  }

  [[noreturn]] void deadlock(unsigned finished) {
    enter_thread(waiting_.front().thread);
    fail("deadlock: " + std::to_string(waiting_.size()) + " threads of the block wait at " +
         text(waiting_.front().where) + ", " + std::to_string(finished) + " have left the kernel");
  }

  Random random_;
  std::vector<std::unique_ptr<Fiber>> fibers_;  // of threads that have started and not returned
  std::vector<unsigned> ready_;
  std::vector<Waiting> waiting_;
};

}  // namespace

void run_on_fibers(const Launch& launch) {
  std::vector<std::uint64_t> order(std::uint64_t{launch.grid.x} * launch.grid.y * launch.grid.z);
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  Random(launch.number << 24U).shuffle(order);
  running_launch = &launch;
  for (const std::uint64_t block : order) FiberBlock(launch, block).run();
  running_launch = nullptr;
}

}  // namespace emulation
