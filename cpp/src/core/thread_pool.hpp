// The threads behind parallel_for. They are started when first needed, spin for a moment after each job and then sleep.
//
// One 64-bit word says which job is open, for how many workers, and how many of them are inside it. A worker joins by
// a compare-and-swap on the word, so one that wakes too late finds the job closed and the caller never waits for it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "core/processors.hpp"
#include "core/threads.hpp"

namespace indrnn {

// What the current thread is doing, as far as the pool is concerned.
enum class ThreadRole : unsigned char { host, inside_job, pool_thread };
extern thread_local constinit ThreadRole thread_role;

class ThreadPool {
 public:
  ThreadPool() = default;
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool();  // ends the threads; no job may be running

  // Runs one job with the calling thread as worker 0. Only one thread may be in here at a time.
  void run(std::int64_t tasks, TaskBody body, int workers);

  ThreadPool* abandoned =
      nullptr;  // a pool of the parent process, kept reachable after a fork, never used again

 private:
  struct Worker {
    std::mutex mutex;
    std::condition_variable wake;
    std::atomic<bool> asleep{false};
    WakePlace place;  // behind the mutex
    std::thread thread;
  };

  // What a job is; written by the caller while no worker is inside, read by workers that joined.
  struct Job {
    std::int64_t tasks = 0;
    const TaskBody* body = nullptr;
    // The caller's rounding and denormal mode, so that every worker computes alike.
    std::uint64_t float_control = 0;
  };

  int grow(int workers);  // returns how many workers there are for a job; fewer if the system refuses threads
  void worker_loop(int index, Worker& self, std::uint64_t seen_job);
  void wait_for_job(Worker& self, std::uint64_t seen_job);
  static void wake(Worker& worker, int workers);
  void leave_caller(int workers) const;
  void run_tasks(int worker);
  void keep_exception(std::int64_t task);
  void wait_until_left();

  alignas(64) std::atomic<std::uint64_t> state_{0};
  alignas(64) std::atomic<std::int64_t> next_task_{0};
  alignas(64) Job job_;
  std::atomic<int> caller_processor_{-1};  // apart from the job: read by workers that have not joined it
  std::atomic<bool> stopping_{false};
  std::vector<std::unique_ptr<Worker>> workers_;  // worker i + 1; touched by the caller of run alone

  std::mutex done_mutex_;  // for a caller that sleeps until the last worker leaves
  std::condition_variable done_;

  std::mutex exception_mutex_;
  std::exception_ptr exception_;
  std::int64_t exception_task_ = 0;
};

}  // namespace indrnn
