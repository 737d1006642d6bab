// The thread pool behind parallel_for. Also run under ThreadSanitizer and AddressSanitizer.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

#include "core/threads.hpp"
#include "indrnn/error.hpp"

namespace indrnn {
namespace {

// Each test starts from, and leaves behind, the same number of threads.
class Threads : public ::testing::Test {
 protected:
  void SetUp() override { before_ = num_threads(); }
  void TearDown() override {
    set_num_threads(before_);
    set_interrupt_check(nullptr);
  }

 private:
  int before_ = 1;
};

TEST_F(Threads, every_task_runs_once_with_a_valid_worker) {
  for (int threads : {1, 2, 3, 8, 17}) {
    set_num_threads(threads);
    for (std::int64_t tasks : {0, 1, 2, 3, 7, 64, 1000}) {
      std::vector<int> runs(static_cast<std::size_t>(tasks), 0);
      const int workers = parallel_workers(tasks);
      std::atomic<bool> valid{true};
      parallel_for(tasks, [&](std::int64_t task, int worker) {
        ++runs[static_cast<std::size_t>(task)];
        if (worker < 0 || worker >= workers) valid = false;
      });
      EXPECT_TRUE(valid);
      for (int count : runs) EXPECT_EQ(count, 1);
    }
  }
}

TEST_F(Threads, one_thread_at_a_time_has_a_worker_index) {
  set_num_threads(4);
  std::vector<std::int64_t> scratch(4, 0);  // unsynchronised on purpose: a sanitizer sees a shared index
  for (int repeat = 0; repeat < 200; ++repeat)
    parallel_for(50, [&](std::int64_t, int worker) { ++scratch[static_cast<std::size_t>(worker)]; });
  EXPECT_EQ(std::accumulate(scratch.begin(), scratch.end(), std::int64_t{0}), 200 * 50);
}

TEST_F(Threads, short_and_long_pauses_between_jobs) {
  set_num_threads(3);
  std::atomic<std::int64_t> sum{0};
  for (int repeat = 0; repeat < 3000; ++repeat) {
    parallel_for(5, [&](std::int64_t task, int) { sum += task; });
    // Long enough for workers to be spinning, falling asleep, or asleep.
    if (repeat % 10 == 0) std::this_thread::sleep_for(std::chrono::microseconds(repeat % 100));
  }
  EXPECT_EQ(sum, 3000 * 10);
}

TEST_F(Threads, number_of_workers_may_change_between_jobs) {
  std::atomic<std::int64_t> sum{0};
  for (int repeat = 0; repeat < 500; ++repeat) {
    set_num_threads(1 + repeat * 7 % 11);
    parallel_for(20, [&](std::int64_t task, int) { sum += task; });
  }
  EXPECT_EQ(sum, 500 * 190);
}

TEST_F(Threads, explicit_worker_count_is_an_upper_bound) {
  set_num_threads(8);
  std::atomic<int> highest{0};
  parallel_for(
      100,
      [&](std::int64_t, int worker) {
        int seen = highest;
        while (seen < worker && !highest.compare_exchange_weak(seen, worker)) {
        }
      },
      2);
  EXPECT_LT(highest, 2);
}

TEST_F(Threads, exception_of_the_lowest_task_reaches_the_caller) {
  for (int threads : {1, 2, 5}) {
    set_num_threads(threads);
    for (int repeat = 0; repeat < 50; ++repeat) {
      try {
        parallel_for(100, [&](std::int64_t task, int) {
          if (task >= 20) throw std::runtime_error(std::to_string(task));
        });
        FAIL() << "nothing was thrown";
      } catch (const std::runtime_error& error) {
        EXPECT_STREQ(error.what(), "20");
      }
    }
    std::atomic<int> runs{0};
    parallel_for(10, [&](std::int64_t, int) { ++runs; });
    EXPECT_EQ(runs, 10) << "the pool must work after an exception";
  }
}

TEST_F(Threads, nested_loop_runs_inline) {
  set_num_threads(4);
  std::atomic<std::int64_t> sum{0};
  std::atomic<bool> inline_everywhere{true};
  parallel_for(8, [&](std::int64_t, int) {
    if (parallel_workers(100) != 1) inline_everywhere = false;
    const auto self = std::this_thread::get_id();
    parallel_for(10, [&](std::int64_t task, int worker) {
      if (worker != 0 || std::this_thread::get_id() != self) inline_everywhere = false;
      sum += task;
    });
  });
  EXPECT_EQ(sum, 8 * 45);
  EXPECT_TRUE(inline_everywhere);
}

TEST_F(Threads, host_threads_may_call_at_the_same_time) {
  set_num_threads(3);
  std::vector<std::thread> hosts;
  std::vector<std::int64_t> sums(6, 0);
  for (std::size_t host = 0; host < sums.size(); ++host)
    hosts.emplace_back([&sums, host] {
      for (int repeat = 0; repeat < 300; ++repeat) {
        std::vector<std::int64_t> parts(16, 0);
        parallel_for(16, [&](std::int64_t task, int) { parts[static_cast<std::size_t>(task)] = task + 1; });
        sums[host] += std::accumulate(parts.begin(), parts.end(), std::int64_t{0});
      }
    });
  for (auto& host : hosts) host.join();
  for (auto sum : sums) EXPECT_EQ(sum, 300 * 136);
}

TEST_F(Threads, one_task_or_one_thread_runs_on_the_caller) {
  const auto self = std::this_thread::get_id();
  const auto on_caller = [&](std::int64_t, int) { EXPECT_EQ(std::this_thread::get_id(), self); };
  set_num_threads(4);
  parallel_for(1, on_caller);
  set_num_threads(1);
  parallel_for(100, on_caller);
}

TEST_F(Threads, count_out_of_range_is_refused_and_named) {
  for (int count : {0, -1, max_threads + 1}) {
    try {
      set_num_threads(count);
      FAIL() << count;
    } catch (const InvalidArgument& error) {
      EXPECT_NE(std::string(error.what()).find("got " + std::to_string(count)), std::string::npos)
          << error.what();
    }
  }
}

TEST_F(Threads, interrupt_check_is_asked_on_the_calling_thread_only) {
  set_num_threads(4);
  const auto self = std::this_thread::get_id();
  std::atomic<bool> elsewhere{false};
  std::atomic<bool> stop{false};
  set_interrupt_check([&] {
    if (std::this_thread::get_id() != self) elsewhere = true;
    return stop.load();
  });
  check_interrupt();
  parallel_for(100, [&](std::int64_t, int) { check_interrupt(); });
  stop = true;
  EXPECT_THROW(check_interrupt(), Interrupted);
  EXPECT_FALSE(elsewhere);
  set_interrupt_check(nullptr);
  check_interrupt();
}

#if defined(__SSE2__)
TEST_F(Threads, workers_compute_with_the_callers_rounding_and_flush_denormals) {
  set_num_threads(4);
  const unsigned before = _mm_getcsr();
  for (unsigned rounding : {_MM_ROUND_NEAREST, _MM_ROUND_UP}) {
    _mm_setcsr((before & ~_MM_ROUND_MASK) | rounding);
    std::vector<float> halves(64), sums(64);
    parallel_for(64, [&](std::int64_t task, int) {
      volatile float tiny = 1e-38f, one = 1.0f, little = 1e-9f;
      halves[static_cast<std::size_t>(task)] = tiny * 0.5f;
      sums[static_cast<std::size_t>(task)] = one + little;
      if (task < 4) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    });
    const volatile float tiny = 1e-38f;
    const float outside = tiny * 0.5f;
    _mm_setcsr(before);
    for (float half : halves) EXPECT_EQ(half, 0.0f);
    for (float sum : sums) EXPECT_EQ(sum > 1.0f, rounding == _MM_ROUND_UP);
    EXPECT_GT(outside, 0.0f);  // the host's own numbers are as they were
  }
}
#endif

int exit_status_of_child(const std::function<bool()>& body) {
  const pid_t child = fork();
  if (child == 0) _exit(body() ? 0 : 1);
  for (int wait = 0; wait < 3000; ++wait) {
    int status = 0;
    if (waitpid(child, &status, WNOHANG) == child) return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  return 124;
}

bool loop_works() {
  std::atomic<std::int64_t> sum{0};
  for (int repeat = 0; repeat < 20; ++repeat) parallel_for(10, [&](std::int64_t task, int) { sum += task; });
  return sum == 20 * 45;
}

TEST_F(Threads, works_in_a_forked_child_and_still_in_the_parent) {
  set_num_threads(3);
  ASSERT_TRUE(loop_works());
  EXPECT_EQ(exit_status_of_child(loop_works), 0);
  EXPECT_EQ(exit_status_of_child([] { return loop_works() && exit_status_of_child(loop_works) == 0; }), 0);
  EXPECT_TRUE(loop_works());
}

TEST_F(Threads, fork_while_another_thread_is_in_the_pool_does_not_hang_the_child) {
  set_num_threads(3);
  std::atomic<bool> stop{false};
  std::thread other([&] {
    while (!stop) loop_works();
  });
  for (int repeat = 0; repeat < 20; ++repeat) EXPECT_EQ(exit_status_of_child(loop_works), 0);
  stop = true;
  other.join();
}

// A process of its own: exit with the pool asleep, and exit from inside a job, must both end.
TEST_F(Threads, process_exits_with_the_pool_running) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(
      {
        set_num_threads(3);
        loop_works();
        std::exit(7);
      },
      ::testing::ExitedWithCode(7), "");
  EXPECT_EXIT(
      {
        set_num_threads(3);
        loop_works();
        parallel_for(10, [](std::int64_t task, int) {
          if (task == 3) std::exit(8);
        });
      },
      ::testing::ExitedWithCode(8), "");
}

// The "threadsafe" style starts this program anew, so the child reads the variable for the first time.
TEST_F(Threads, environment_variable_sets_the_default_and_nonsense_is_ignored) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  const auto in_range = [](int count) { return count >= 1 && count <= max_threads; };
  setenv("INDRNN_NUM_THREADS", "5", 1);
  EXPECT_EXIT(std::exit(num_threads()), ::testing::ExitedWithCode(5), "");
  for (const char* nonsense : {"0", "-3", "many", "4 cores", "", "99999999999999999999"}) {
    setenv("INDRNN_NUM_THREADS", nonsense, 1);
    EXPECT_EXIT(std::exit(in_range(num_threads()) ? 0 : 1), ::testing::ExitedWithCode(0), "") << nonsense;
  }
  unsetenv("INDRNN_NUM_THREADS");
}

}  // namespace
}  // namespace indrnn
