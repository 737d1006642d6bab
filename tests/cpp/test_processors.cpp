// Where sleeping workers wake. Their affinity masks are the host's: they must come back whole.
#include <gtest/gtest.h>

#if defined(__linux__)

#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "core/processors.hpp"
#include "core/threads.hpp"

namespace indrnn {
namespace {

cpu_set_t mask_of(pthread_t thread) {
  cpu_set_t mask;
  EXPECT_EQ(pthread_getaffinity_np(thread, sizeof(mask), &mask), 0);
  return mask;
}

bool same(const cpu_set_t& a, const cpu_set_t& b) { return CPU_EQUAL(&a, &b); }

// A thread that does what it is told only at the end, and otherwise sleeps.
class Sleeper {
 public:
  explicit Sleeper(WakePlace& place)
      : thread_([this, &place] {
          while (!stop_) std::this_thread::sleep_for(std::chrono::milliseconds(1));
          place.lift();
          mask_ = mask_of(pthread_self());
        }) {}
  pthread_t handle() { return thread_.native_handle(); }
  cpu_set_t mask_after_lift() {
    stop_ = true;
    thread_.join();
    return mask_;
  }

 private:
  std::atomic<bool> stop_{false};
  cpu_set_t mask_{};
  std::thread thread_;
};

TEST(WakePlace, takes_one_processor_out_and_gives_it_back) {
  const cpu_set_t before = mask_of(pthread_self());
  if (CPU_COUNT(&before) < 2) GTEST_SKIP() << "one processor";
  WakePlace place;
  Sleeper sleeper(place);
  place.keep_off_this_processor(sleeper.handle(), 2);
  const cpu_set_t during = mask_of(sleeper.handle());
  EXPECT_EQ(CPU_COUNT(&during), CPU_COUNT(&before) - 1);
  EXPECT_TRUE(same(sleeper.mask_after_lift(), before));
}

TEST(WakePlace, a_second_wake_before_the_thread_runs_loses_nothing) {
  const cpu_set_t before = mask_of(pthread_self());
  WakePlace place;
  Sleeper sleeper(place);
  for (int wake = 0; wake < 100; ++wake) {
    place.keep_off_this_processor(sleeper.handle(), 2);
    std::this_thread::yield();
  }
  EXPECT_TRUE(same(sleeper.mask_after_lift(), before));
}

TEST(WakePlace, leaves_a_mask_alone_that_has_too_few_processors) {
  const cpu_set_t before = mask_of(pthread_self());
  WakePlace place;
  Sleeper sleeper(place);
  place.keep_off_this_processor(sleeper.handle(), CPU_COUNT(&before) + 1);
  EXPECT_TRUE(same(mask_of(sleeper.handle()), before));
  EXPECT_TRUE(same(sleeper.mask_after_lift(), before));
}

TEST(WakePlace, leaves_a_pinned_thread_alone) {
  const cpu_set_t before = mask_of(pthread_self());
  cpu_set_t one;
  CPU_ZERO(&one);
  for (std::size_t processor = 0; CPU_COUNT(&one) == 0; ++processor)
    if (CPU_ISSET(processor, &before)) CPU_SET(processor, &one);
  WakePlace place;
  Sleeper sleeper(place);
  ASSERT_EQ(pthread_setaffinity_np(sleeper.handle(), sizeof(one), &one), 0);
  place.keep_off_this_processor(sleeper.handle(), 2);
  EXPECT_TRUE(same(sleeper.mask_after_lift(), one));
}

TEST(WakePlace, workers_of_the_pool_have_the_whole_mask_in_every_job) {
  const int threads = num_threads();
  const cpu_set_t before = mask_of(pthread_self());
  for (int count : {2, 3}) {
    set_num_threads(count);
    for (int job = 0; job < 300; ++job) {
      std::atomic<bool> whole{true};
      parallel_for(4, [&](std::int64_t, int) {
        if (!same(mask_of(pthread_self()), before)) whole = false;
      });
      ASSERT_TRUE(whole) << "job " << job;
      std::this_thread::sleep_for(std::chrono::microseconds(job % 3 * 100));
    }
  }
  set_num_threads(threads);
}

}  // namespace
}  // namespace indrnn

#endif
