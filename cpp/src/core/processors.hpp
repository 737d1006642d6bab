// The processors that a thread may run on. Elsewhere than on Linux nothing here knows or moves anything.
#pragma once

#include <thread>

#if defined(__linux__)
#include <sched.h>
#endif

namespace indrnn {

// How many the calling thread may use: those of its affinity mask, at least 1.
int allowed_processors();

// Whether Linux may take a processor without work for a busy one. In a virtual machine one that halts counts as
// preempted by its host, and the kernel then wakes a thread on the waking thread's own processor, where the two take
// turns for as long as the waking thread computes.
bool halted_processors_look_busy();

// The one the calling thread runs on at the moment; -1 where that is not known.
int current_processor();

// Moves the calling thread, one of so many that work together, onto another processor of its mask if that holds as many
// as there are threads. The mask stays as it was.
void leave_processor(int processor, int threads);

// Where a sleeping thread wakes: on any processor of its mask but the one of the thread that wakes it.
// Its two functions must not run at the same time.
class WakePlace {
 public:
  // By the thread that wakes: takes its own processor out of the sleeping thread's mask, if that holds as many as
  // there are threads to work, at least two.
  void keep_off_this_processor(std::thread::native_handle_type sleeper, int threads);
  // By the thread that woke: its mask is as it was.
  void lift();

 private:
#if defined(__linux__)
  cpu_set_t allowed_;
#endif
  bool kept_off_ = false;
};

}  // namespace indrnn
