// Fewer lanes than threads: the threads share the stages (recurrent layers) of a lane. Stage s may run on position p of
// the walk once stage s - 1 has been there and itself has passed p - 1. Each sum still grows in the order of the walk,
// so the bits are those of one thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <thread>

#include "backend/cpu/walk.hpp"
#include "core/threads.hpp"

namespace indrnn::cpu {

template <class T>
class Wavefront {
 public:
  // passed: int64 [lanes, stages] in the workspace.
  Wavefront(const Pass<T>& pass, std::int64_t lanes, std::int64_t* passed)
      : pass_(pass),
        lanes_(lanes),
        stages_(static_cast<std::int64_t>(pass.stages().size())),
        passed_(passed) {
    std::fill_n(passed, lanes * stages_, std::int64_t{0});
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
      most_positions_ = std::max(most_positions_, positions(lane));
    }
  }

  void run(int workers) {
    parallel_for(workers, [this](std::int64_t, int worker) { work(worker); }, workers);
  }

 private:
  static constexpr int most_spins = 1000;  // some tens of microseconds; then the core may be wanted elsewhere

  struct Task {
    std::int64_t lane = 0, stage = 0, position = 0;
  };

  std::int64_t positions(std::int64_t lane) const { return chunk_count(pass_) * tile_count(pass_, lane); }

  void work(int worker) {
    Task task;
    while (next(task)) {
      if (task.position >= positions(task.lane)) continue;
      if (!wait_for(task)) return;
      try {
        run_stage(pass_, pass_.stages()[static_cast<std::size_t>(task.stage)], task.lane, task.position,
                  worker);
      } catch (...) {
        failed_.store(true);
        throw;
      }
      progress(task.lane, task.stage).store(task.position + 1, std::memory_order_release);
    }
  }

  // Tasks in diagonals stage + position = constant: all that a task waits for was handed out before it.
  bool next(Task& task) {
    const std::scoped_lock lock(mutex_);
    if (diagonal_ > stages_ + most_positions_ - 2) return false;
    task = {next_.lane, next_.stage, diagonal_ - next_.stage};
    if (++next_.lane < lanes_) return true;
    next_.lane = 0;
    if (++next_.stage <= std::min(stages_ - 1, diagonal_)) return true;
    ++diagonal_;
    next_.stage = std::max<std::int64_t>(0, diagonal_ - most_positions_ + 1);
    return true;
  }

  bool wait_for(const Task& task) const {
    const auto reached = [&](std::int64_t stage, std::int64_t position) {
      if (stage < 0) return true;
      return progress(task.lane, stage).load(std::memory_order_acquire) >= position;
    };
    const std::int64_t reused =
        task.position + 1 - pass_.run.plan->ring_chunks;  // its place in the ring must be read
    int spins = 0;
    while (!(reached(task.stage, task.position) && reached(task.stage - 1, task.position + 1) &&
             reached(stages_ - 1, reused))) {
      if (failed_.load(std::memory_order_relaxed)) return false;
      ++spins < most_spins ? pause() : std::this_thread::yield();
    }
    return true;
  }

  static void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }

  std::atomic_ref<std::int64_t> progress(std::int64_t lane, std::int64_t stage) const {
    return std::atomic_ref<std::int64_t>(passed_[lane * stages_ + stage]);
  }

  const Pass<T>& pass_;
  std::int64_t lanes_, stages_, most_positions_ = 0;
  std::int64_t* passed_;
  std::mutex mutex_;
  Task next_;
  std::int64_t diagonal_ = 0;
  std::atomic<bool> failed_{false};
};

}  // namespace indrnn::cpu
