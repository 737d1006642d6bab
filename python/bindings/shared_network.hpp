// A network as Python holds it: shared by its views and optimizers, and used by one thread at a time.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "backend/device_context.hpp"
#include "indrnn/network.hpp"
#include "interpreter.hpp"

namespace indrnn::python {

// The sizes of the last forward that kept what backward needs.
struct KeptForward {
  std::int64_t time_steps = 0;
  std::int64_t batch = 0;
  bool operator==(const KeptForward&) const = default;
};

// Keeps alive what callers gave in device memory until the work that reads it is done. Any thread may add to it: without
// an interpreter lock, too. No Python code runs under its lock.
class Borrowed {
 public:
  using Objects = std::vector<std::shared_ptr<void>>;

  // What a call took whose work has been given to the queue.
  void keep(Objects objects) {
    const std::lock_guard lock(mutex_);
    given_.insert(given_.end(), std::make_move_iterator(objects.begin()),
                  std::make_move_iterator(objects.end()));
  }
  bool any() const {
    const std::lock_guard lock(mutex_);
    return !given_.empty() || !marked_.empty();
  }
  // Those whose work is done, to be let go of; waits for nothing. The network is held.
  Objects done(DeviceContext& context) {
    const std::lock_guard lock(mutex_);
    if (!given_.empty()) marked_.push_back({context.mark(), std::exchange(given_, {})});
    Objects found;
    while (!marked_.empty() && marked_.front().behind->reached()) {
      for (auto& object : marked_.front().objects) found.push_back(std::move(object));
      marked_.pop_front();
    }
    return found;
  }

 private:
  struct Marked {
    std::unique_ptr<QueueMark> behind;
    Objects objects;
  };
  mutable std::mutex mutex_;
  Objects given_;
  std::deque<Marked> marked_;  // in the order of the queue
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
