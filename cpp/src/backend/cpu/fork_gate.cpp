#include "backend/cpu/fork_gate.hpp"

#include <atomic>
#include <mutex>
#include <thread>

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#define INDRNN_HAS_FORK 1
#endif

namespace indrnn::cpu {
namespace {

std::atomic<int> held{0};   // passes
std::atomic<int> forks{0};  // under way; the gate is closed while there is one
std::once_flag registered;

// A pass is taken first and given back if the gate is closed: whichever of the two orders a fork and a call come in,
// one of them sees the other.
void before_fork() {
  forks.fetch_add(1);
  while (held.load() != 0) std::this_thread::yield();
}

void after_fork_in_parent() { forks.fetch_sub(1); }

void after_fork_in_child() {  // the only thread there is
  held.store(0);
  forks.store(0);
}

}  // namespace

ForkGate::Pass::Pass() {
  held.fetch_add(1);
  while (forks.load() != 0) {
    held.fetch_sub(1);
    while (forks.load() != 0) std::this_thread::yield();
    held.fetch_add(1);
  }
}

ForkGate::Pass::~Pass() { held.fetch_sub(1); }

void ForkGate::start() {
#ifdef INDRNN_HAS_FORK
  std::call_once(registered, [] { pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child); });
#endif
}

}  // namespace indrnn::cpu
