// What can be set by environment variables; tests change the values directly.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

namespace emulation {

enum class Threads : std::uint8_t {
  fibers,  // a block's threads take turns on the calling thread, in random order
  real     // each is an operating system thread, for ThreadSanitizer
};

enum class Progress : std::uint8_t {
  lazy,    // streams run when something waits for them
  random,  // and at random moments
  eager    // at once
};

struct Options {
  std::uint64_t seed;        // CUDA_EMULATION_SEED
  Threads threads;           // CUDA_EMULATION_THREADS=fibers|real
  Progress progress;         // CUDA_EMULATION_PROGRESS=lazy|random|eager
  int devices;               // CUDA_EMULATION_DEVICES
  int driver;                // CUDA_EMULATION_DRIVER=12040; 0: no driver
  int capability;            // CUDA_EMULATION_CAPABILITY=75: what the device calls itself
  std::size_t memory;        // CUDA_EMULATION_MEMORY: bytes of a device
  std::uint64_t fail_after;  // CUDA_EMULATION_FAIL_AFTER: launches after which the device is lost
};

Options& options();

// A generator that is a pure function of the seed and of `salt`.
class Random {
 public:
  explicit Random(std::uint64_t salt);
  std::uint64_t next();
  std::uint64_t below(std::uint64_t bound) { return bound < 2 ? 0 : next() % bound; }

  template <class Items>
  void shuffle(Items& items) {
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }

 private:
  std::uint64_t state_;
};

}  // namespace emulation
