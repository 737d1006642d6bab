// A network as Python holds it: shared by its views and optimizers, and used by one thread at a time.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "indrnn/network.hpp"
#include "interpreter.hpp"

namespace indrnn::python {

// The sizes of the last forward that kept what backward needs.
struct KeptForward {
  std::int64_t time_steps = 0;
  std::int64_t batch = 0;
  bool operator==(const KeptForward&) const = default;
};

// Keeps alive what callers gave in device memory and queued work may still read. Any thread may add to it: without an
// interpreter lock, too. No Python code runs under its lock.
class Borrowed {
 public:
  void keep(std::shared_ptr<void> object) {
    const std::lock_guard lock(mutex_);
    objects_.push_back(std::move(object));
  }
  // All of them once there are `count`, else none; the caller lets go of them when the work is done.
  std::vector<std::shared_ptr<void>> take(std::size_t count) {
    const std::lock_guard lock(mutex_);
    return objects_.size() < count ? std::vector<std::shared_ptr<void>>() : std::exchange(objects_, {});
  }

 private:
  std::mutex mutex_;
  std::vector<std::shared_ptr<void>> objects_;
};

struct SharedNetwork {
  explicit SharedNetwork(Network network_) : network(std::move(network_)) {}

  Network network;
  std::optional<KeptForward> kept;  // read and written only while the network is held
  bool has_reduction = false;       // the same

  Borrowed borrowed;

  std::timed_mutex mutex;
  std::atomic<std::thread::id> user;  // who holds the mutex
  std::atomic<std::int64_t> process{
      0};  // and in which process: a fork copies a held mutex that nobody will release
};

// Holds the network for one call. A second thread waits its turn (Ctrl-C ends the wait); the thread that already
// holds it, coming back through a signal handler, gets an error instead of waiting for itself for ever.
// Made and destroyed without the interpreter lock.
class NetworkUse {
 public:
  NetworkUse(SharedNetwork& shared, const char* operation);
  ~NetworkUse();
  NetworkUse(const NetworkUse&) = delete;
  NetworkUse& operator=(const NetworkUse&) = delete;

 private:
  SharedNetwork& shared_;
};

// Runs work(network) without the interpreter lock, holding the network.
template <class Work>
auto using_network(SharedNetwork& shared, const char* operation, Work&& work) {
  return without_interpreter([&] {
    const NetworkUse use(shared, operation);
    return std::forward<Work>(work)(shared.network);
  });
}

// The last forward that allows a backward; throws without one.
std::optional<KeptForward> kept_forward(SharedNetwork& shared);

}  // namespace indrnn::python
