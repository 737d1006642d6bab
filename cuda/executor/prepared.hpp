// Plans that were made, and the device memory they run in.
#pragma once

#include <list>
#include <memory>
#include <utility>
#include <vector>

#include "executor/plan.hpp"
#include "indrnn/error.hpp"
#include "runtime/context.hpp"

namespace indrnn::cuda {

// What a plan of one graph depends on.
struct PlanKey {
  Mode mode;
  std::int64_t time_steps, batch, window_batch;
  bool operator==(const PlanKey&) const = default;
};

class PreparedPlans {
 public:
  // Finds the plan of this size made before, or makes it by `make`; then there is memory enough for it.
  // Pointers stay valid until the next call.
  template <class Make>
  const Plan& prepare(Context& context, const PlanKey& key, const Make& make) {
    for (auto entry = plans_.begin(); entry != plans_.end(); ++entry) {
      if (entry->key == key) {
        plans_.splice(plans_.begin(), plans_, entry);
        return fit(context, entry->plan);
      }
    }
    plans_.push_front({key, make()});
    if (plans_.size() > most_plans) plans_.pop_back();
    return fit(context, plans_.front().plan);
  }

  std::byte* memory() const { return memory_->as<std::byte>(); }

 private:
  static constexpr std::size_t most_plans = 16;  // language models draw the length of every batch at random

  struct Entry {
    PlanKey key;
    Plan plan;
  };

  const Plan& fit(Context& context, const Plan& plan) {
    if (memory_ == nullptr || plan.total_bytes > memory_->bytes()) {
      if (context.capturing()) {
        throw DeviceError("[cuda] a step must run once before it is captured, so that its memory is there");
      }
      context.synchronize();
      memory_.reset();  // first give back what was too small
      memory_ = std::make_shared<DeviceMemory>(allocate_device(plan.total_bytes));
#ifdef INDRNN_CUDA_EMULATION
      marked_ = std::make_shared<Gaps>();
#endif
    }
    if (context.capturing()) context.keep_alive(memory_);
#ifdef INDRNN_CUDA_EMULATION
    const auto mark_gaps = [memory = memory_, gaps = plan.gaps, marked = marked_] {
      if (*marked == gaps) return;  // marking waits for the device
      *marked = gaps;
      auto* begin = memory->template as<std::byte>();
      emulation::clear_red_zones(begin);
      for (const auto& [offset, bytes] : gaps) emulation::red_zone(begin + offset, bytes);
    };
    mark_gaps();
    if (context.capturing()) context.before_each_launch(mark_gaps);  // other plans mark theirs in between
#endif
    return plan;
  }

  std::list<Entry> plans_;  // last used first
  std::shared_ptr<DeviceMemory> memory_;
#ifdef INDRNN_CUDA_EMULATION
  using Gaps = std::vector<std::pair<std::size_t, std::size_t>>;
  std::shared_ptr<Gaps> marked_;  // in memory_, by whichever plan was the last
#endif
};

}  // namespace indrnn::cuda
