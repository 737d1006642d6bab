// One call of forward or backward on the device: the plan, the memory it lies in, and what the caller gave.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/philox.hpp"
#include "executor/plan.hpp"
#include "plan/ranks.hpp"
#include "runtime/context.hpp"
#include "runtime/host_numbers.hpp"
#include "storage.hpp"

namespace indrnn::cuda {

// Numbers that kernels read from device memory, so that captured work sees new ones.
struct CallNumbers {
  std::uint64_t seed = 0;
  std::uint64_t forwards = 0;
  std::int64_t start_step = 0;
  std::int64_t first_sample = 0;  // index of sample 0 in the global batch
};

// Rows of a value as a kernel sees them: [steps, batch, features]. lengths [batch] counts from `first_step` on.
struct Rows {
  std::int64_t steps = 0, batch = 0, features = 0;
  std::int64_t first_step = 0;
  const std::int64_t* lengths = nullptr;  // nullptr: all steps are real

  INDRNN_HOST_DEVICE std::int64_t columns() const { return batch * features; }
  INDRNN_HOST_DEVICE std::int64_t count() const { return steps * batch; }
  INDRNN_HOST_DEVICE std::int64_t elements() const { return steps * batch * features; }
};

template <class S>
struct Run {
  using T = Compute<S>;

  const Graph* graph = nullptr;
  const Plan* plan = nullptr;
  std::byte* memory = nullptr;
  Context* context = nullptr;
  cudaStream_t stream = nullptr;

  const T* parameters = nullptr;
  T* gradients = nullptr;
  T* buffers = nullptr;
  const CallNumbers* numbers = nullptr;   // on the device
  std::shared_ptr<Ranks> ranks;           // in training; nullptr: this batch is all there is
  HostNumbers* host_numbers = nullptr;    // of what the ranks sum
  const std::int64_t* lengths = nullptr;  // on the device, or nullptr
  const std::uint8_t* resets = nullptr;   // on the device, or nullptr

  Source x, dy;
  void* y = nullptr;
  void* dx = nullptr;  // nullptr: not wanted
  bool backward_pass = false;
  bool again = false;  // a window's forward, run a second time inside backward
  std::int64_t window = 0;

  Mode mode() const { return plan->program.mode; }
  std::int64_t batch() const { return plan->sizes.batch; }
  std::int64_t first_step() const { return window * plan->sizes.window_steps; }
  std::int64_t steps() const {
    return std::min(plan->sizes.window_steps, plan->sizes.time_steps - first_step());
  }

  // A row without time counts as step 0: it is real if its sequence has any step.
  Rows rows(int id) const {
    const Value& value = graph->values[static_cast<std::size_t>(id)];
    return {.steps = value.sequence ? steps() : 1,
            .batch = batch(),
            .features = value.features,
            .first_step = value.sequence ? first_step() : 0,
            .lengths = lengths};
  }
  S* value(int id) const { return pointer<S>(places(id)); }
  std::int64_t* indices(int id) const { return pointer<std::int64_t>(places(id)); }
  S* gradient(int id) const { return pointer<S>(plan->gradients[static_cast<std::size_t>(id)]); }
  // False for the network's input when nobody asked for dx.
  bool gradient_wanted(int id) const { return id != graph->input || dx != nullptr; }

  const T* parameter(int id) const {
    return parameters + graph->parameters[static_cast<std::size_t>(id)].offset;
  }
  // ADDED to.
  T* parameter_gradient(int id) const {
    return gradients + graph->parameters[static_cast<std::size_t>(id)].offset;
  }
  T* buffer(int id) const { return buffers + graph->buffers[static_cast<std::size_t>(id)].offset; }

  // States [B, F]: before the window's first step, and behind its last.
  T* state_before(int state) const { return state_at(state, window); }
  T* state_behind(int state) const { return state_at(state, window + 1); }
  // In: gradient of the state behind the window; out: of the state before it.
  T* state_gradient(int state) const {
    return pointer<T>(plan->state_gradients) + plan->state_offsets[static_cast<std::size_t>(state)];
  }
  const std::uint8_t* window_resets() const {
    return resets == nullptr ? nullptr : resets + first_step() * batch();
  }

  // Sums over the ranks of numbers on the device: the host waits for the stream, as the ranks sum there.
  void sum_over_ranks(double* values, std::int64_t count) const {
    if (count == 0) return;
    ranks->sum(host_numbers->fetch(values, count, stream), count);
    host_numbers->put_back(values, count, stream);
  }
  // moments: counts [groups], then means and squares [groups, features].
  void join_moments_of_ranks(std::int64_t groups, std::int64_t features, double* moments) const {
    const std::int64_t size = groups * features, count = groups + 2 * size;
    if (count == 0) return;
    double* host = host_numbers->fetch(moments, count, stream);
    ranks->join_moments(groups, features, host, host + groups, host + groups + size);
    host_numbers->put_back(moments, count, stream);
  }

  template <class Element>
  Element* node_memory(int node) const {
    const auto at = static_cast<std::size_t>(node);
    return pointer<Element>(plan->node_memory[at] +
                            static_cast<std::size_t>(window) * plan->node_strides[at]);
  }
  // The same for all windows.
  template <class Element>
  Element* node_common(int node) const {
    return pointer<Element>(plan->node_common[static_cast<std::size_t>(node)]);
  }
  template <class Element>
  Element* scratch() const {
    return pointer<Element>(plan->scratch);
  }
  template <class Element>
  Element* pointer(std::size_t offset) const {
    return reinterpret_cast<Element*>(memory + offset);
  }

 private:
  std::size_t places(int id) const {
    const auto at = static_cast<std::size_t>(id);
    return (backward_pass ? plan->backward_values : plan->forward_values)[at] +
           static_cast<std::size_t>(window) * plan->value_strides[at];
  }
  T* state_at(int state, std::int64_t border) const {
    return pointer<T>(plan->states) + border * plan->state_elements +
           plan->state_offsets[static_cast<std::size_t>(state)];
  }
};

}  // namespace indrnn::cuda
