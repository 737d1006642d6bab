// Switching between call stacks: fibers.
#pragma once

#include <cstddef>

namespace emulation {

// A call stack of its own that runs `main` when it is first resumed; main never returns.
class Fiber {
 public:
  explicit Fiber(void (*main)());
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  void resume();            // from the scheduler; returns when the fiber suspends
  static void suspend();    // from a fiber; returns when it is resumed
  static Fiber* current();  // nullptr in the scheduler

 private:
  static void start();

  void (*main_)();
  char* memory_ = nullptr;  // a guard page, then the stack
  struct Context;
  Context* context_;
};

}  // namespace emulation
