#include "core/threads.hpp"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "core/cpu_quota.hpp"
#include "core/float_control.hpp"
#include "core/processors.hpp"
#include "core/thread_pool.hpp"
#include "indrnn/error.hpp"

namespace indrnn {
namespace {

// ---- how many threads --------------------------------------------------------------------------------------------

std::atomic<int> thread_count{0};  // 0: not decided yet

int available_cores() {
  const int quota = cpu_quota();
  const int allowed = allowed_processors();
  return std::min(quota == 0 ? allowed : std::min(quota, allowed), max_threads);
}

int default_thread_count() {
  if (const char* text = std::getenv("INDRNN_NUM_THREADS")) {
    char* end = nullptr;
    const long count = std::strtol(text, &end, 10);
    if (end != text && *end == '\0' && count >= 1 && count <= max_threads) return static_cast<int>(count);
  }
  return available_cores();
}

// ---- the pool ----------------------------------------------------------------------------------------------------

// Whoever sets pool_in_use owns the pool and may make or grow it; nobody waits for it, so a fork at any moment leaves
// nothing locked.
std::atomic<bool> pool_in_use{false};
ThreadPool* pool = nullptr;

// ---- the interrupt check -----------------------------------------------------------------------------------------

using InterruptCheck = std::shared_ptr<const std::function<bool()>>;

struct InterruptSlot {
  std::mutex mutex;
  InterruptCheck check;
};
std::atomic<bool> has_interrupt_check{false};

InterruptSlot& interrupt_slot() {
  static InterruptSlot* slot = new InterruptSlot;  // never destroyed: pool threads may outlive static objects
  return *slot;
}

// ---- fork and exit -----------------------------------------------------------------------------------------------

void before_fork() { interrupt_slot().mutex.lock(); }
void after_fork_in_parent() { interrupt_slot().mutex.unlock(); }
void after_fork_in_child() {
  interrupt_slot().mutex.unlock();
  // The child has the pool's memory but not its threads, and its locks may be held by them: leave it alone.
  if (pool != nullptr) {
    static ThreadPool* abandoned = nullptr;
    pool->abandoned = std::exchange(abandoned, pool);
    pool = nullptr;
  }
  pool_in_use.store(false);
}

void register_fork_handlers() {
  static std::once_flag once;
  std::call_once(once, [] { pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child); });
}

// Ends the threads when the process exits or the library is unloaded.
struct EndPool {
  ~EndPool() {
    // Exit from inside a job, or while another thread runs one: joining could wait for ever, and the process goes
    // anyway. In use it stays, so that a later call from another static object's destructor runs on its own thread.
    if (thread_role != ThreadRole::host || pool_in_use.exchange(true)) return;
    delete std::exchange(pool, nullptr);
  }
};
constinit EndPool end_pool;

ThreadPool& owned_pool() {
  if (pool == nullptr) {
    register_fork_handlers();
    pool = new ThreadPool;
  }
  return *pool;
}

// Marks the thread as inside a job, and gives the pool back, also when the body throws.
struct PoolUse {
  PoolUse() { thread_role = ThreadRole::inside_job; }
  ~PoolUse() {
    thread_role = ThreadRole::host;
    pool_in_use.store(false, std::memory_order_release);
  }
};

}  // namespace

void set_num_threads(int count) {
  if (count < 1 || count > max_threads)
    throw InvalidArgument("[set_num_threads] count must be in [1, " + std::to_string(max_threads) +
                          "], got " + std::to_string(count));
  thread_count.store(count, std::memory_order_relaxed);
}

int num_threads() {
  int count = thread_count.load(std::memory_order_relaxed);
  if (count != 0) return count;
  const int chosen = default_thread_count();
  // A set_num_threads by another thread in the meantime wins.
  return thread_count.compare_exchange_strong(count, chosen) ? chosen : count;
}

int parallel_workers(std::int64_t tasks) {
  if (tasks <= 1) return 1;
  const int count = num_threads();
  if (count == 1 || thread_role != ThreadRole::host) return 1;
  return static_cast<int>(std::min<std::int64_t>(count, tasks));
}

void parallel_for(std::int64_t tasks, TaskBody body) { parallel_for(tasks, body, parallel_workers(tasks)); }

void parallel_for(std::int64_t tasks, TaskBody body, int workers) {
  if (tasks <= 0) return;
  const FlushDenormals flush;
  workers = static_cast<int>(std::min<std::int64_t>({workers, tasks, max_threads}));
  if (workers <= 1 || thread_role != ThreadRole::host ||
      pool_in_use.exchange(true, std::memory_order_acquire)) {
    for (std::int64_t task = 0; task < tasks; ++task) body(task, 0);
    return;
  }
  PoolUse use;
  owned_pool().run(tasks, body, workers);
}

void set_interrupt_check(std::function<bool()> check) {
  register_fork_handlers();
  InterruptCheck next = check ? std::make_shared<const std::function<bool()>>(std::move(check)) : nullptr;
  InterruptSlot& slot = interrupt_slot();
  // The previous check is destroyed after the lock is let go: it is the host's code.
  std::lock_guard lock(slot.mutex);
  has_interrupt_check.store(next != nullptr);
  slot.check.swap(next);
}

bool interrupt_requested() {
  if (!has_interrupt_check.load(std::memory_order_relaxed) || thread_role == ThreadRole::pool_thread)
    return false;
  InterruptCheck check;
  {
    InterruptSlot& slot = interrupt_slot();
    std::lock_guard lock(slot.mutex);
    check = slot.check;
  }
  return check && (*check)();
}

void check_interrupt() {
  if (interrupt_requested()) throw Interrupted("interrupted by the host");
}

}  // namespace indrnn
