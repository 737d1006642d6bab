// Optimizers: one fused pass over a network's flat parameters and gradients per step.
// A parameter whose name ends in `bias` or `weight_hh` is never decayed (the authors' training rule).
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "indrnn/export.hpp"
#include "indrnn/network.hpp"
#include "indrnn/tensor.hpp"

namespace indrnn::optim {

// Elements [begin, end) of the flat parameters, all decayed or none: what one thread updates at a time.
struct ParameterBlock {
  std::int64_t begin, end;
  bool decayed;
};

// One number for each parameter, zero at first, in the memory of the network's device.
class INDRNN_API ParameterNumbers {
 public:
  ParameterNumbers() = default;
  explicit ParameterNumbers(Network& network);
  TensorView view();

 private:
  Tensor host_;
  std::shared_ptr<void> device_;  // nullptr on the CPU
  Shape shape_;
  DType dtype_ = DType::float32;
};

struct AdamOptions {
  double lr = 2e-4;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0.0;
  // false: decay * weight is added to the gradient (Adam); true: weight -= lr * decay * weight (AdamW).
  bool decoupled = false;
};

// m = b1 m + (1-b1) g;  v = b2 v + (1-b2) g^2;  w -= lr * m / (1-b1^n) / (sqrt(v / (1-b2^n)) + eps)
// (Kingma & Ba 2015). The network must outlive the optimizer.
class INDRNN_API Adam {
 public:
  explicit Adam(Network& network, const AdamOptions& options = {});
  void step();

  AdamOptions options;         // may be changed between steps
  std::int64_t steps = 0;      // n above
  TensorView first_moment();   // [parameters], for checkpoints
  TensorView second_moment();  // [parameters]

 private:
  Network* network_;
  std::vector<ParameterBlock> blocks_;
  ParameterNumbers first_moment_, second_moment_;
};

struct SgdOptions {
  double lr = 1e-2;
  double momentum = 0.0;
  double weight_decay = 0.0;
  bool nesterov = false;
};

// velocity = momentum * velocity + g;  w -= lr * velocity (nesterov: lr * (g + momentum * velocity)).
// With momentum 0 it is w -= lr * g, and velocity is left alone.
class INDRNN_API Sgd {
 public:
  explicit Sgd(Network& network, const SgdOptions& options = {});
  void step();

  SgdOptions options;
  TensorView velocity();  // [parameters]

 private:
  Network* network_;
  std::vector<ParameterBlock> blocks_;
  ParameterNumbers velocity_;
};

// Every gradient to [-limit, limit].
INDRNN_API void clip_gradients_by_value(Network& network, double limit);
// Scales all gradients so that their joint Euclidean norm is at most `limit`; returns the norm before. A norm that is
// not finite is returned, and the gradients are left as they are.
INDRNN_API double clip_gradients_by_norm(Network& network, double limit);
// Every `weight_hh` to [-bound, bound]   (Li et al., CVPR 2018, section 4: |u| <= MAG^(1/T)).
INDRNN_API void constrain_recurrent(Network& network, double bound);

}  // namespace indrnn::optim
