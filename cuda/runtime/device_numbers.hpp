// Numbers of a plain struct on the device, written anew before each use.
#pragma once

#include <array>
#include <functional>

#include "runtime/context.hpp"

namespace indrnn::cuda {

template <class Numbers>
class DeviceNumbers {
 public:
  DeviceNumbers()
      : pinned_(allocate_pinned(calls_ahead * sizeof(Numbers))), device_(allocate_device(sizeof(Numbers))) {
    for (Event& read : read_) read = make_event();
  }

  // renew(numbers) is called now, and again before each further launch of captured work.
  void write(Context& context, std::function<void(Numbers&)> renew) {
    if (context.capturing()) return capture(context, std::move(renew));
    Numbers* numbers = pinned_.template as<Numbers>() + next_;
    const Event& read = read_[next_];
    next_ = (next_ + 1) % calls_ahead;
    check(cudaEventSynchronize(read.get()), "waiting for a copy of numbers");  // at once if never recorded
    renew(*numbers);
    copy(context, numbers);
    check(cudaEventRecord(read.get(), context.queue()), "marking a copy of numbers");
  }
  const Numbers* get() const { return device_.template as<Numbers>(); }

 private:
  // So many writes may wait for the device, which reads them in order, before the host does.
  static constexpr std::size_t calls_ahead = 8;

  // Captured work reads pinned memory of its own, again at each launch.
  void capture(Context& context, std::function<void(Numbers&)> renew) {
    auto* numbers = static_cast<Numbers*>(context.pinned_for_capture(sizeof(Numbers)));
    renew(*numbers);
    copy(context, numbers);
    // The first launch uses what was written now; each later one renews.
    context.before_each_launch([renew = std::move(renew), numbers, first = true]() mutable {
      if (!first) renew(*numbers);
      first = false;
    });
  }

  void copy(Context& context, const Numbers* numbers) {
    check(cudaMemcpyAsync(device_.get(), numbers, sizeof(Numbers), cudaMemcpyHostToDevice, context.queue()),
          "copying numbers to the device");
  }

  PinnedMemory pinned_;  // [calls_ahead]
  DeviceMemory device_;
  std::array<Event, calls_ahead> read_;
  std::size_t next_ = 0;
};

}  // namespace indrnn::cuda
