// Plans that were made, and the memory they run in. Making the same plan twice would cost more than a short step.
#pragma once

#include <list>

#include "backend/cpu/plan.hpp"
#include "indrnn/tensor.hpp"

namespace indrnn::cpu {

// What a plan of one graph depends on.
struct PlanKey {
  Mode mode;
  std::int64_t time_steps, batch, window_batch;
  int threads;
  bool operator==(const PlanKey&) const = default;
};

class PreparedPlans {
 public:
  // Finds the plan of this size made before, or makes it by `make`; then there is memory enough for it.
  // Pointers stay valid until the next call.
  template <class Make>
  const Plan& prepare(const PlanKey& key, const Make& make) {
    for (auto entry = plans_.begin(); entry != plans_.end(); ++entry) {
      if (entry->key == key) {
        plans_.splice(plans_.begin(), plans_, entry);
        return fit(entry->plan);
      }
    }
    plans_.push_front({key, make()});
    if (plans_.size() > most_plans) plans_.pop_back();
    return fit(plans_.front().plan);
  }

  std::byte* memory() { return memory_.data<std::byte>(); }
  std::size_t bytes() const { return memory_.bytes(); }

 private:
  static constexpr std::size_t most_plans = 16;  // language models draw the length of every batch at random

  struct Entry {
    PlanKey key;
    Plan plan;
  };

  const Plan& fit(const Plan& plan) {
    if (plan.total_bytes > memory_.bytes()) {
      memory_ = Tensor();  // first give back what was too small
      memory_ = Tensor({static_cast<std::int64_t>(plan.total_bytes)}, DType::uint8);
    }
    return plan;
  }

  std::list<Entry> plans_;  // last used first
  Tensor memory_;
};

}  // namespace indrnn::cpu
