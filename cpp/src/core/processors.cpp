#include "core/processors.hpp"

#include <algorithm>
#include <thread>

#if defined(__linux__)
#include <pthread.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif
#endif

namespace indrnn {

#if defined(__linux__)

namespace {

// A mask without one of its processors; false if it does not have that one, or fewer than there are threads.
bool without(int processor, int threads, const cpu_set_t& allowed, cpu_set_t& others) {
  if (processor < 0 || processor >= CPU_SETSIZE) return false;
  const auto index = static_cast<std::size_t>(processor);
  if (!CPU_ISSET(index, &allowed) || CPU_COUNT(&allowed) < std::max(threads, 2)) return false;
  others = allowed;
  CPU_CLR(index, &others);
  return true;
}

}  // namespace

int allowed_processors() {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) == 0) return std::max(CPU_COUNT(&allowed), 1);
  return std::max(static_cast<int>(std::thread::hardware_concurrency()), 1);  // more than a cpu_set_t holds
}

bool halted_processors_look_busy() {
#if defined(__x86_64__)
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  constexpr unsigned hypervisor = 1u << 31;
  return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & hypervisor) != 0;
#else
  return false;
#endif
}

int current_processor() { return sched_getcpu(); }

void leave_processor(int processor, int threads) {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return;
  cpu_set_t others;
  if (!without(processor, threads, allowed, others)) return;
  if (sched_setaffinity(0, sizeof(others), &others) == 0) sched_setaffinity(0, sizeof(allowed), &allowed);
}

void WakePlace::keep_off_this_processor(std::thread::native_handle_type sleeper, int threads) {
  // One that was woken for the last job, too, and has not come to run yet still has the smaller mask.
  if (!kept_off_ && pthread_getaffinity_np(sleeper, sizeof(allowed_), &allowed_) != 0) return;
  cpu_set_t others;
  if (!without(current_processor(), threads, allowed_, others)) return;
  if (pthread_setaffinity_np(sleeper, sizeof(others), &others) == 0) kept_off_ = true;
}

void WakePlace::lift() {
  if (!kept_off_) return;
  kept_off_ = false;
  sched_setaffinity(0, sizeof(allowed_), &allowed_);
}

#else

int allowed_processors() { return std::max(static_cast<int>(std::thread::hardware_concurrency()), 1); }
bool halted_processors_look_busy() { return false; }
int current_processor() { return -1; }
void leave_processor(int, int) {}
void WakePlace::keep_off_this_processor(std::thread::native_handle_type, int) {}
void WakePlace::lift() {}

#endif

}  // namespace indrnn
