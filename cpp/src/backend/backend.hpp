// Where a network runs. A backend makes an executor for a graph; the CPU's is built in, others register themselves
// when their library is loaded, so the core knows no device by name.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "backend/device_context.hpp"
#include "indrnn/network.hpp"
#include "plan/graph.hpp"
#include "plan/program.hpp"
#include "plan/ranks.hpp"

namespace indrnn {

// Arguments of one forward, checked before. Arrays lie on the host, or where the device's context says so.
struct ForwardCall {
  Mode mode;
  std::int64_t time_steps = 0;
  std::int64_t batch = 0;
  const void* x = nullptr;  // [T, B, I], or int64 [T, B]
  void* y = nullptr;        // [T, B, O] or [B, O]
  void* state = nullptr;    // flat; in: initial, out: final; nullptr (not on the CPU): zero, not wanted
  const std::int64_t* lengths = nullptr;  // [B] or nullptr
  const std::uint8_t* resets = nullptr;   // [T, B] or nullptr
  std::uint64_t seed = 0;
  std::uint64_t forwards = 0;
  std::int64_t start_step = 0;    // time steps since the state was reset
  std::int64_t first_sample = 0;  // index of sample 0 in the global batch
  // Of batch norms in training, for the backward as well; nullptr: this batch is all there is.
  std::shared_ptr<Ranks> ranks = nullptr;
  // Samples by which windows of time are cut: where work inside them waits for other ranks, all must cut alike.
  std::int64_t window_batch = 0;
  // The network's own, where captured work finds the numbers of each further launch, and counts it.
  const std::uint64_t* network_seed = nullptr;
  std::uint64_t* network_forwards = nullptr;
  std::int64_t* state_steps =
      nullptr;  // the same of the state; nullptr: each launch starts from `start_step`
};

struct BackwardCall {
  const void* dy = nullptr;
  void* dx = nullptr;      // nullptr: not wanted
  void* dstate = nullptr;  // flat; in: of the final state, out: of the initial; nullptr: zero, not wanted
};

// How an executor stores values and their gradients between the nodes: in the network's dtype, or rounded to bfloat16.
enum class ValueStorage { full, bfloat16 };

// Owns a network's parameters, gradients and buffers on its device, and runs plans.
class Executor {
 public:
  virtual ~Executor() = default;
  virtual TensorView parameters() = 0;
  virtual TensorView gradients() = 0;
  virtual TensorView buffers() = 0;
  virtual void forward(const ForwardCall& call) = 0;
  virtual void backward(const BackwardCall& call) = 0;
  virtual std::size_t workspace_bytes(Mode mode, std::int64_t time_steps, std::int64_t batch) const = 0;
  virtual std::string describe_plan(Mode mode, std::int64_t time_steps, std::int64_t batch) const = 0;
  // An executor of the same parameters, gradients, buffers and context that stores values so, to take this one's place.
  // Throws what is missing for it; nullptr: this device knows one way only.
  virtual std::unique_ptr<Executor> with_storage(ValueStorage) { return nullptr; }
  // The memory and the queue of the device; nullptr where parameters, gradients and buffers lie on the host.
  virtual std::shared_ptr<DeviceContext> context() const { return nullptr; }
};

using MakeExecutor = std::function<std::unique_ptr<Executor>(const Graph&, DType, int device_index)>;

struct Backend {
  std::string device;  // "cpu", "cuda"
  MakeExecutor make_executor;
};

INDRNN_API void register_backend(Backend backend);
// device: "cpu", "cuda", "cuda:1". Throws DeviceError that lists what there is.
std::unique_ptr<Executor> make_executor(const std::string& device, const Graph& graph, DType dtype);
std::vector<std::string> backend_names();

}  // namespace indrnn
