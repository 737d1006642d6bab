// What all ranks of a data-parallel training share, or tell apart: random numbers, and sums over them.
#include <utility>

#include "plan/network_implementation.hpp"

namespace indrnn {

std::pair<std::uint64_t, std::uint64_t> Network::random_state() const {
  return {implementation_->seed, implementation_->forwards};
}

void Network::set_random_state(std::uint64_t seed, std::uint64_t forwards) {
  implementation_->seed = seed;
  implementation_->forwards = forwards;
}

void Network::set_first_sample(std::int64_t index) {
  constexpr std::int64_t limit = std::int64_t{1} << 31;
  if (index < 0 || index >= limit) {
    fail("set_first_sample", "index", "be at least 0 and below 2^31", std::to_string(index));
  }
  implementation_->first_sample = index;
}

std::int64_t Network::first_sample() const { return implementation_->first_sample; }

void Network::set_reduction(Reduction reduction) {
  implementation_->ranks = reduction ? std::make_shared<Ranks>(std::move(reduction)) : nullptr;
}

}  // namespace indrnn
