// Fewer lanes than threads: the threads share the stages (recurrent layers) of a lane. A stage may run on position p of
// the walk once the stage before has been there and itself has passed p - 1. Each sum still grows in the order of the
// walk, so the bits are those of one thread.
//
// Every thread has stages of its own, whose weights and sums stay in its cache, and takes the deepest that is ready. One
// that finds none for a while takes any other that is ready: a thread that lost its core holds up one stage, not all.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

#include "backend/cpu/walk.hpp"
#include "core/threads.hpp"

namespace indrnn::cpu {

template <class T>
class Wavefront {
 public:
  // progress: [lanes, stages] in the workspace.
  Wavefront(const Pass<T>& pass, std::int64_t lanes, StageProgress* progress)
      : pass_(pass),
        stages_(static_cast<std::int64_t>(pass.stages().size())),
        units_(lanes * stages_),
        progress_(progress) {
    std::fill_n(progress, units_, StageProgress{});
    for (std::int64_t lane = 0; lane < lanes; ++lane) left_ += stages_ * positions(lane);
  }

  void run(int workers) {
    parallel_for(workers, [&](std::int64_t share, int worker) { work(share, workers, worker); }, workers);
  }

 private:
  // Some tens of microseconds, less than a stage takes; longer, and the core may be wanted elsewhere.
  static constexpr int most_spins = 1000;
  static constexpr std::int64_t none = -1;

  std::int64_t positions(std::int64_t lane) const { return chunk_count(pass_) * tile_count(pass_, lane); }

  // unit: lane * stages + stage.
  void work(std::int64_t share, std::int64_t shares, int worker) {
    const std::int64_t own_first = share * units_ / shares, own_end = (share + 1) * units_ / shares;
    std::unique_lock lock(mutex_);
    bool patient = true;
    while (left_ > 0 && !failed_) {
      std::int64_t unit = deepest_ready(own_first, own_end);
      if (unit == none && !patient) unit = deepest_ready(0, units_);
      if (unit == none) {
        patient ? spin(lock) : changed_.wait(lock);
        patient = false;
        continue;
      }
      run_unit(lock, unit, worker);
      patient = true;
    }
  }

  std::int64_t deepest_ready(std::int64_t first, std::int64_t end) const {
    for (std::int64_t unit = end - 1; unit >= first; --unit) {
      if (ready(unit)) return unit;
    }
    return none;
  }

  bool ready(std::int64_t unit) const {
    const std::int64_t lane = unit / stages_, stage = unit % stages_;
    const auto& [passed, running] = progress_[unit];
    if (running || passed == positions(lane)) return false;
    if (stage > 0 && progress_[unit - 1].passed <= passed) return false;
    // The place in the ring that it will write must have been read.
    return passed < progress_[lane * stages_ + stages_ - 1].passed + pass_.run.plan->ring_chunks;
  }

  void run_unit(std::unique_lock<std::mutex>& lock, std::int64_t unit, int worker) {
    StageProgress& progress = progress_[unit];
    progress.running = true;
    lock.unlock();
    try {
      const Stage stage = pass_.stages()[static_cast<std::size_t>(unit % stages_)];
      run_stage(pass_, stage, unit / stages_, progress.passed, worker);
    } catch (...) {
      lock.lock();
      failed_ = true;
      changed_.notify_all();
      throw;
    }
    lock.lock();
    progress.running = false;
    ++progress.passed;
    --left_;
    changes_.fetch_add(1, std::memory_order_relaxed);
    changed_.notify_all();
  }

  void spin(std::unique_lock<std::mutex>& lock) const {
    const std::uint64_t seen = changes_.load(std::memory_order_relaxed);
    lock.unlock();
    for (int i = 0; i < most_spins && changes_.load(std::memory_order_relaxed) == seen; ++i) pause();
    lock.lock();
  }

  static void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }

  const Pass<T>& pass_;
  std::int64_t stages_, units_;
  StageProgress* progress_;  // guarded, like all below, by the mutex
  std::int64_t left_ = 0;    // units times positions that have not run
  bool failed_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<std::uint64_t> changes_{0};
};

}  // namespace indrnn::cpu
