#include "shared_network.hpp"

#include <unistd.h>

#include <chrono>
#include <string>

#include "indrnn/error.hpp"

namespace indrnn::python {

namespace {

// Not an InvalidArgument: the arguments are fine, the moment is not. Translated to RuntimeError.
[[noreturn]] void refuse(const char* operation, const char* why) {
  throw std::runtime_error(std::string("[") + operation + "] the network is in use " + why);
}

}  // namespace

NetworkUse::NetworkUse(SharedNetwork& shared, const char* operation) : shared_(shared) {
  constexpr std::chrono::milliseconds turn(60);
  if (!shared.mutex.try_lock()) {
    if (shared.user.load() == std::this_thread::get_id()) {
      refuse(operation,
             "by this very thread: a signal handler or a reduction must not use a network that is at work");
    }
    while (!shared.mutex.try_lock_for(turn)) {
      if (shared.process.load() != getpid()) {
        refuse(operation,
               "by a thread of the parent process, which was computing when this process was forked");
      }
      if (interrupt_pending()) {
        throw Interrupted(std::string("[") + operation +
                          "] interrupted while another thread uses the network");
      }
    }
  }
  shared.user.store(std::this_thread::get_id());
  shared.process.store(getpid());
}

NetworkUse::~NetworkUse() {
  shared_.user.store(std::thread::id());
  shared_.mutex.unlock();
}

std::optional<KeptForward> kept_forward(SharedNetwork& shared) {
  const auto kept = using_network(shared, "backward", [&](Network&) { return shared.kept; });
  if (kept) return kept;
  throw InvalidArgument(
      "[backward] needs a forward with training=True or keep=True before it, and each such forward allows "
      "one backward");
}

}  // namespace indrnn::python
