// A stack of layers with its parameters, gradients and workspace.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "indrnn/export.hpp"
#include "indrnn/nn.hpp"
#include "indrnn/tensor.hpp"

namespace indrnn {

class DeviceContext;

struct NetworkOptions {
  std::int64_t input_size = 0;  // I; not used by a network that starts with an Embedding
  DType dtype = DType::float32;
  std::string device = "cpu";  // "cpu", "cuda" or "cuda:1"
  std::uint64_t seed = 0;      // of the initial parameters and of dropout
  // "store": backward finds every activation of forward. "recompute": forward keeps the states at the borders of
  // windows of time, and backward runs each window again: same bits, memory grows with T / window, not with T x layers.
  // (The gradient of a matrix that TiedLinear shares may be the same sum in another order.)
  std::string memory = "store";
};

// What a model file does not hold: where the network runs and how it keeps activations.
struct LoadOptions {
  std::string device = "cpu";
  std::string memory = "store";  // as in NetworkOptions
};

// Texts of the user in a model file, by key.
using Metadata = std::map<std::string, std::string>;

// Sums the numbers over all ranks, in place: the ranks of a data-parallel training each hold a network of their own and a
// share of the batch. See Network::set_reduction.
using Reduction = std::function<void(std::span<double>)>;

// What the recurrences carry from one call to the next: one [B, F] array per entry, in one flat buffer.
// A value: copies are independent. Made by Network::initial_state.
struct INDRNN_API State {
  struct Entry {
    std::string name;       // layer path, e.g. "0.hidden"
    std::int64_t features;  // F
    std::int64_t offset;    // first element in `flat`
  };
  std::vector<Entry> entries;
  std::int64_t batch = 0;
  std::int64_t steps = 0;  // time steps since the state was reset
  Tensor flat;             // [sum of B * F]

  TensorView operator[](const std::string& name);  // [B, F]; throws InvalidArgument and lists the names
};

// A state in the memory of a network's device: calls that carry it on wait for nothing, and captured work finds it there.
// Made by Network::device_state; copies share the memory.
struct INDRNN_API DeviceState {
  std::vector<State::Entry> entries;
  std::int64_t batch = 0;
  std::int64_t steps = 0;  // as in State
  TensorView flat;         // [sum of B * F], device memory
  std::shared_ptr<void> memory;
};

struct NamedView {
  std::string name;
  TensorView view;
};

struct ForwardOptions {
  bool training = false;      // batch statistics, running statistics updated, dropout drawn
  bool keep = false;          // keep what backward needs even when not training (training always keeps)
  ConstTensorView lengths{};  // int64 [B], each 0 <= length <= T; empty: all T
  ConstTensorView resets{};   // uint8 [T, B]; where not 0 the state is zero before that step; empty: none
};

// One network may be used by one thread at a time; different networks run in parallel. One that was moved from may only be
// assigned to or destroyed. Arrays that a call writes overlap none that it reads.
// Parameters, gradients and buffers of a network on another device than the CPU lie in that device's memory.
class INDRNN_API Network {
 public:
  // Throws InvalidArgument naming the layer and field at fault.
  static Network create(std::span<const nn::LayerSpec> layers, const NetworkOptions& options);
  // From {"input_size": 1, "dtype": "float32", "layers": [{"type": "Linear", "size": 128}, ...]}.
  static Network from_json(const std::string& json, const std::string& device = "cpu", std::uint64_t seed = 0,
                           const std::string& memory = "store");

  // A model file (docs/model-file.md), read through a memory map, or its bytes; written by C++ or by Python alike.
  // Throws FileError if the file cannot be read, InvalidArgument if it is damaged or of another format; takes no
  // more memory than a small multiple of the file's size, whatever the file claims. The file must not be truncated
  // meanwhile by somebody else; `save` never does that.
  static Network load(const std::string& path, const LoadOptions& options = {});
  static Network from_bytes(std::span<const std::byte> file, const LoadOptions& options = {});
  // Atomically: the path holds the old file or the new one, whole. Keys of the format's own are refused.
  void save(const std::string& path, const Metadata& metadata = {}) const;
  std::vector<std::byte> to_bytes(const Metadata& metadata = {}) const;

  Network(Network&&) noexcept;
  Network& operator=(Network&&) noexcept;
  ~Network();

  std::string to_json() const;
  const std::vector<nn::LayerSpec>& layers() const;
  const NetworkOptions& options() const;
  bool takes_indices() const;  // x is int64 [T, B], not [T, B, I]

  // y of forward: [T, B, O], or [B, O] behind LastStep.
  Shape output_shape(std::int64_t time_steps, std::int64_t batch) const;
  State initial_state(std::int64_t batch) const;  // zeros
  // Zeros in device memory. Throws InvalidArgument if the network is on the CPU, OutOfMemory.
  DeviceState device_state(std::int64_t batch) const;

  // x [T, B, I] or int64 [T, B]; overwrites y; state in: before the first step, out: after the last real step
  // of each sample.
  void forward(ConstTensorView x, TensorView y, State& state, const ForwardOptions& options = {});
  void forward(ConstTensorView x, TensorView y, DeviceState& state, const ForwardOptions& options = {});
  // From a zero state; the final state is not kept.
  void forward(ConstTensorView x, TensorView y, const ForwardOptions& options);
  Tensor forward(ConstTensorView x, const ForwardOptions& options = {});

  // Gradients of the last forward that kept them. dy like y; ADDS into gradients(); overwrites dx [T, B, I]
  // unless it is empty. dstate in: gradient of the final state, out: gradient of the initial state; nullptr:
  // zero, not wanted. x, y and lengths need not be kept alive by the caller. May be called once per forward.
  void backward(ConstTensorView dy, TensorView dx = {}, State* dstate = nullptr);
  void backward(ConstTensorView dy, TensorView dx, DeviceState& dstate);

  // One time step of inference: x [B, I] or int64 [B], y [B, O]. Allocates nothing after the first call with
  // this B.
  void step(ConstTensorView x, TensorView y, State& state);
  void step(ConstTensorView x, TensorView y, DeviceState& state);

  TensorView parameters();  // flat, owned by the network; valid as long as it lives
  TensorView gradients();   // flat, same order
  const std::vector<NamedView>& named_parameters() const;
  const std::vector<NamedView>& named_gradients() const;
  const std::vector<NamedView>& named_buffers() const;  // running statistics
  void zero_gradients();

  // How values between the layers and their gradients are stored. "full" (at first): in the network's dtype. "bfloat16":
  // rounded to it, and the factors of matrix products too; all sums are float32 or wider, and parameters, gradients,
  // states, x and y stay float32. Half the memory and traffic, results of some 8 bits; for float32 networks on a GPU of
  // compute capability 8.0 or later. A backward needs a forward behind this call; captured work goes on as it was.
  void set_storage(const std::string& storage);
  const std::string& storage() const;

  // Seed and count of training forwards: all that dropout draws from.
  std::pair<std::uint64_t, std::uint64_t> random_state() const;
  void set_random_state(std::uint64_t seed, std::uint64_t forwards);

  // The two hooks of data-parallel training, where each rank has a share of the samples of one global batch. All ranks need
  // the same layers, parameters, buffers, random state, memory option, time steps T and options of the call; shares may
  // differ in size, and B = 0 takes part like any other.

  // Index, in the global batch, of this network's sample 0: dropout and zoneout draw what they would draw in one network
  // that has the whole batch. At least 0 and below 2^31; 0 at first.
  void set_first_sample(std::int64_t index);
  std::int64_t first_sample() const;

  // Batch norms take their statistics, and the sums of their backward, over all ranks; empty (at first): over this network's
  // samples alone. It is called in forward with `training` and in the backward of such a forward, by the thread that runs
  // them, once at a time, with at most a few numbers per feature (mode "step": and per time step). What it is called with
  // follows from what must be equal on all ranks: as often, in the same order, with the same sizes. It must leave the same
  // bits on every rank: then running statistics stay equal to the bit. It must not use this network.
  // The gradients stay this rank's share: the sum over the ranks of gradients() is the gradient of the global batch.
  // A backward uses the reduction that its forward used.
  // What it throws comes out of forward or backward. Then the network can be used on: the state and the random state are as
  // before the call, gradients too (on other devices than the CPU some may have been added), y and dx are undefined,
  // batch norms before the one that failed may have followed the batch with their running statistics, and a backward needs
  // a new forward. Other ranks wait in theirs: to end them is up to the caller.
  void set_reduction(Reduction reduction);

  // Bytes of workspace that forward (and backward, with keep) of this size needs beside x, y, parameters and
  // gradients.
  std::size_t workspace_bytes(std::int64_t time_steps, std::int64_t batch, bool training, bool keep) const;
  // The plan as JSON: fused blocks, segments, chunks, tiles, lanes.
  std::string describe_plan(std::int64_t time_steps, std::int64_t batch, bool training) const;

  // Memory and queue of the device (backend/device_context.hpp); nullptr on the CPU.
  std::shared_ptr<DeviceContext> context() const;

 private:
  struct Implementation;
  static Network read(std::span<const std::byte> file, const std::string& source, const LoadOptions& options);
  // Parameters are zero instead of drawn: for whoever sets them all at once.
  static Network create_unset(std::span<const nn::LayerSpec> layers, const NetworkOptions& options);
  explicit Network(std::unique_ptr<Implementation> implementation);
  std::unique_ptr<Implementation> implementation_;
};

// All texts of a model file, the format's own ("format", "network", ...) and the user's. Throws like Network::load.
INDRNN_API Metadata read_metadata(const std::string& path);

}  // namespace indrnn
