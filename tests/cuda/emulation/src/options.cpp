#include "options.hpp"

#include <cstdlib>
#include <limits>
#include <string_view>

namespace emulation {
namespace {

std::uint64_t number(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr || *text == '\0' ? otherwise : std::strtoull(text, nullptr, 10);
}

std::string_view word(const char* name) {
  const char* text = std::getenv(name);
  return text == nullptr ? "" : text;
}

Options from_environment() {
  Options options{};
  options.seed = number("CUDA_EMULATION_SEED", 1);
#ifdef __SANITIZE_THREAD__
  options.threads = Threads::real;
#else
  options.threads = word("CUDA_EMULATION_THREADS") == "real" ? Threads::real : Threads::fibers;
#endif
  const std::string_view progress = word("CUDA_EMULATION_PROGRESS");
  options.progress = progress == "lazy"    ? Progress::lazy
                     : progress == "eager" ? Progress::eager
                                           : Progress::random;
  options.devices = static_cast<int>(number("CUDA_EMULATION_DEVICES", 2));
  options.driver = static_cast<int>(number("CUDA_EMULATION_DRIVER", 13000));
  options.capability = static_cast<int>(number("CUDA_EMULATION_CAPABILITY", 80));
  options.memory = number("CUDA_EMULATION_MEMORY", std::uint64_t{2} << 30U);
  options.fail_after = number("CUDA_EMULATION_FAIL_AFTER", std::numeric_limits<std::uint64_t>::max());
  return options;
}

}  // namespace

Options& options() {
  static Options instance = from_environment();
  return instance;
}

Random::Random(std::uint64_t salt) : state_(options().seed * 0x9e3779b97f4a7c15U + salt) { next(); }

// splitmix64
std::uint64_t Random::next() {
  state_ += 0x9e3779b97f4a7c15U;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31U);
}

}  // namespace emulation
