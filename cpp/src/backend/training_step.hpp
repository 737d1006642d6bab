// A whole training step on one device: forward, loss, backward, clipping, optimizer and the bound on recurrent weights, on
// buffers of one size, so that it can be captured once and launched again and again.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <variant>

#include "backend/device_context.hpp"
#include "indrnn/network.hpp"

namespace indrnn {

enum class StepLoss { softmax_cross_entropy, mean_squared_error };

struct TrainingStepOptions {
  std::int64_t time_steps = 0, batch = 0;
  StepLoss loss = StepLoss::softmax_cross_entropy;
  bool mask = false, lengths = false;           // whether there are any
  std::optional<double> clip_value, clip_norm;  // of the gradients; the value first
  std::optional<double> recurrent_bound;
  // Where the step starts from, and what it leaves behind; nullptr: zero, not kept. Several steps may share one.
  std::shared_ptr<DeviceState> state;
};

class INDRNN_API TrainingStep {
 public:
  using Optimizer = std::variant<optim::Adam*, optim::Sgd*>;

  // Network and optimizer must outlive it; the network is on a device.
  TrainingStep(Network& network, Optimizer optimizer, const TrainingStepOptions& options);

  // In device memory, to be written before each step.
  TensorView x() const { return {x_.get(), x_shape_, x_dtype_}; }  // [T, B, I] or int64 [T, B]
  TensorView targets() const;                                      // int64 [T, B] or [B]; or like y
  TensorView mask() const;  // uint8, like y without its features; empty unless asked for
  TensorView lengths() const;
  TensorView y() const { return {y_.get(), y_shape_, dtype_}; }  // of the last step

  // Gives the step to the device: call by call the first time, from then on as one captured graph. The step reads anew,
  // each time, the optimizer's options and count of steps, the network's seed and count of forwards, and the state.
  void run();
  bool captured() const { return work_ != nullptr; }

  // Of the last step; waits.
  struct Numbers {
    double loss;
    double norm;     // of the gradients before clipping
    double correct;  // rows that count and have their highest logit at the target; 0 for other losses
  };
  Numbers numbers() const;
  // Parameters as they were before the last step.
  void restore_parameters();

 private:
  void give();
  void capture();
  void give_loss();

  Network& network_;
  std::shared_ptr<DeviceContext> context_;
  Optimizer optimizer_;
  TrainingStepOptions options_;
  DType dtype_, x_dtype_;
  Shape x_shape_, y_shape_, rows_;
  std::shared_ptr<void> x_, targets_, mask_, lengths_, y_, gradient_, numbers_, previous_;
  bool has_run_ = false;
  std::int64_t first_sample_ = 0;  // what the captured work has
  std::shared_ptr<CapturedWork> work_;
};

}  // namespace indrnn
