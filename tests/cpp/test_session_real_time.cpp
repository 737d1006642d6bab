// A session's step may run where nothing may wait: it allocates nothing, takes no lock and makes no system call.
#if defined(__linux__)
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

#include <mutex>

#include "failing_allocator.hpp"
#include "support.hpp"

namespace indrnn::testing {
namespace {

// Every operation that a step can consist of.
Model every_operation() {
  const nn::LayerSpec norm = nn::BatchNorm{}, linear = nn::Linear{.size = 6};
  return Model(make_network(
      {nn::IndRNN{.size = 130}, norm, linear, nn::Recurrence{.activation = "tanh"},
       nn::Residual{{norm, linear}}, nn::Concat{{nn::TimeDifference{}}}, nn::LayerNorm{},
       nn::BatchNorm{.mode = "step", .time_steps = 2}, nn::IndRNN{.size = 4, .zoneout = 0.1}, norm},
      3));
}

struct Stream {
  static constexpr std::int64_t batch = 5;
  Session session{every_operation(), {.batch = batch}};
  Tensor x{{batch, 3}, DType::float64}, y{{batch, 4}, DType::float64};

  void steps(int count) {
    for (int i = 0; i < count; ++i) session.step(x.view(), y.view());
    session.reset(1);
    session.reset();
  }
};

TEST(SessionRealTime, LocksAreCounted) {
  const long before = locks();
  std::mutex mutex;
  {
    const std::scoped_lock lock(mutex);
  }
  EXPECT_EQ(locks(), before + 1);
}

TEST(SessionRealTime, TheFirstStepAlreadyAllocatesNothingAndTakesNoLock) {
  Stream stream;
  const long allocated = allocations(), locked = locks();
  stream.steps(1000);
  EXPECT_EQ(allocations(), allocated);
  EXPECT_EQ(locks(), locked);
}

#if defined(__linux__) && !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
// The kernel ends the child at its first system call but the last one.
int status_under_seccomp(const std::function<void()>& work) {
  const pid_t child = fork();
  if (child == 0) {
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) _exit(77);
    work();
    syscall(SYS_exit, 0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

TEST(SessionRealTime, StepsMakeNoSystemCall) {
  Stream stream;
  const int status = status_under_seccomp([&] { stream.steps(1000); });
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77) GTEST_SKIP() << "no seccomp here";
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "ended by signal " << WTERMSIG(status);
  const int other = status_under_seccomp([] { static_cast<void>(getppid()); });
  EXPECT_TRUE(WIFSIGNALED(other)) << "a system call went unnoticed";
}
#endif

}  // namespace
}  // namespace indrnn::testing
