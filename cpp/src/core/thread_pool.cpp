#include "core/thread_pool.hpp"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/float_control.hpp"

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

namespace indrnn {
namespace {

// The job word: job number (32 bits) | caller sleeps | closed | workers allowed (14) | workers inside (16).
constexpr std::uint64_t inside_mask = 0xffff;
constexpr int workers_shift = 16;
constexpr std::uint64_t workers_mask = 0x3fff;
constexpr std::uint64_t closed_bit = std::uint64_t{1} << 30;
constexpr std::uint64_t caller_sleeps_bit = std::uint64_t{1} << 31;
constexpr int number_shift = 32;
static_assert(max_threads <= static_cast<int>(workers_mask));

// Waking a sleeping thread costs some 5 to 50 microseconds; chunks of a network's forward follow each other faster.
constexpr std::chrono::microseconds spin_time{30};

inline int workers_of(std::uint64_t state) {
  return static_cast<int>((state >> workers_shift) & workers_mask);
}

inline void pause_instruction() {
#if defined(__SSE2__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Spins until ready() or the time is over; returns whether it became ready.
template <class Ready>
bool spin(Ready&& ready) {
  const auto deadline = std::chrono::steady_clock::now() + spin_time;
  do {
    for (int repeat = 0; repeat < 16; ++repeat) {
      if (ready()) return true;
      pause_instruction();
    }
  } while (std::chrono::steady_clock::now() < deadline);
  return ready();
}

// A thread that takes no signals: the host's handlers run on the host's threads.
template <class Body>
std::thread start_without_signals(Body&& body) {
  struct BlockSignals {
    sigset_t before;
    BlockSignals() {
      sigset_t all;
      sigfillset(&all);
      pthread_sigmask(SIG_SETMASK, &all, &before);
    }
    ~BlockSignals() { pthread_sigmask(SIG_SETMASK, &before, nullptr); }
  } blocked;
  return std::thread(std::forward<Body>(body));
}

}  // namespace

thread_local constinit ThreadRole thread_role = ThreadRole::host;

ThreadPool::~ThreadPool() {
  stopping_.store(true);
  for (auto& worker : workers_) {
    {
      std::lock_guard lock(worker->mutex);
    }
    worker->wake.notify_one();
  }
  for (auto& worker : workers_) worker->thread.join();
}

int ThreadPool::grow(int workers) {
  try {
    while (static_cast<int>(workers_.size()) + 1 < workers) {
      const int index = static_cast<int>(workers_.size()) + 1;
      const std::uint64_t seen_job = state_.load() >> number_shift;
      auto worker = std::make_unique<Worker>();
      workers_.reserve(workers_.size() + 1);
      worker->thread = start_without_signals(
          [this, index, self = worker.get(), seen_job] { worker_loop(index, *self, seen_job); });
      workers_.push_back(std::move(worker));
    }
  } catch (const std::exception&) {
    // Out of threads or memory: the job runs on those there are.
  }
  return std::min(workers, static_cast<int>(workers_.size()) + 1);
}

void ThreadPool::run(std::int64_t tasks, TaskBody body, int workers) {
  workers = grow(workers);
  job_ = {tasks, &body, float_control()};
  caller_processor_.store(current_processor(), std::memory_order_relaxed);
  next_task_.store(0, std::memory_order_relaxed);
  const std::uint64_t number = (state_.load(std::memory_order_relaxed) >> number_shift) + 1;
  state_.store((number << number_shift) | (static_cast<std::uint64_t>(workers) << workers_shift));
  for (int index = 1; index < workers; ++index) wake(*workers_[static_cast<std::size_t>(index - 1)], workers);
  run_tasks(0);
  wait_until_left();
  if (exception_) std::rethrow_exception(std::exchange(exception_, nullptr));
}

void ThreadPool::wake(Worker& worker, int workers) {
  // Sequentially consistent order: either this sees `asleep`, or the worker sees the new job before it waits.
  if (!worker.asleep.load()) return;
  static const bool apart = halted_processors_look_busy();
  {
    std::lock_guard lock(worker.mutex);
    if (apart && worker.asleep.load())
      worker.place.keep_off_this_processor(worker.thread.native_handle(), workers);
  }
  worker.wake.notify_one();
}

// A worker that shares the caller's processor comes to every job too late, and the kernel is slow to part them.
void ThreadPool::leave_caller(int workers) const {
  const int processor = caller_processor_.load(std::memory_order_relaxed);
  if (processor >= 0 && processor == current_processor()) leave_processor(processor, workers);
}

void ThreadPool::run_tasks(int worker) {
  const std::int64_t tasks = job_.tasks;
  const TaskBody& body = *job_.body;
  for (;;) {
    const std::int64_t task = next_task_.fetch_add(1, std::memory_order_relaxed);
    if (task >= tasks) return;
    try {
      body(task, worker);
    } catch (...) {
      keep_exception(task);
    }
  }
}

void ThreadPool::keep_exception(std::int64_t task) {
  // Every lower task has been handed out already, so the lowest that throws is the same in every run.
  next_task_.store(job_.tasks, std::memory_order_relaxed);
  std::lock_guard lock(exception_mutex_);
  if (exception_ && exception_task_ < task) return;
  exception_ = std::current_exception();
  exception_task_ = task;
}

void ThreadPool::wait_until_left() {
  const auto empty = [](std::uint64_t state) { return (state & inside_mask) == 0; };
  if (empty(state_.fetch_or(closed_bit))) return;
  if (spin([&] { return empty(state_.load(std::memory_order_acquire)); })) return;
  std::unique_lock lock(done_mutex_);
  if (empty(state_.fetch_or(caller_sleeps_bit))) return;
  done_.wait(lock, [&] { return empty(state_.load()); });
}

void ThreadPool::wait_for_job(Worker& self, std::uint64_t seen_job) {
  const auto ready = [&] { return stopping_.load() || (state_.load() >> number_shift) != seen_job; };
  if (spin(ready)) return;
  std::unique_lock lock(self.mutex);
  self.asleep.store(true);
  self.wake.wait(lock, ready);
  self.asleep.store(false);
  self.place.lift();
}

void ThreadPool::worker_loop(int index, Worker& self, std::uint64_t seen_job) {
  thread_role = ThreadRole::pool_thread;
  for (;;) {
    wait_for_job(self, seen_job);
    if (stopping_.load()) return;
    std::uint64_t state = state_.load();
    seen_job = state >> number_shift;
    leave_caller(workers_of(state));
    bool joined = false;
    while (!joined && (state & closed_bit) == 0 && index < workers_of(state))
      joined = state_.compare_exchange_weak(state, state + 1);
    if (!joined) continue;
    seen_job = state >> number_shift;
    set_float_control(job_.float_control);
    run_tasks(index);
    const std::uint64_t before = state_.fetch_sub(1);
    if ((before & caller_sleeps_bit) != 0 && (before & inside_mask) == 1) {
      {
        std::lock_guard lock(done_mutex_);
      }
      done_.notify_one();
    }
  }
}

}  // namespace indrnn
