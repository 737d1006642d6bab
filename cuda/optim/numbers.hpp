// What an optimizer keeps on the device beside its flat buffers: its blocks, and the numbers of the step.
#pragma once

#include <vector>

#include "indrnn/optim.hpp"
#include "runtime/device_numbers.hpp"

namespace indrnn::cuda {

struct AdamNumbers {
  double beta1, beta2, step_size, root_scale, epsilon, decay, lr;
  bool decoupled;
};

struct SgdNumbers {
  double lr, momentum, decay;
  bool nesterov;
};

struct StepNumbers {
  AdamNumbers adam;
  SgdNumbers sgd;
};

struct OptimizerSlot {
  std::vector<optim::ParameterBlock> blocks;
  DeviceMemory device_blocks;
  DeviceNumbers<StepNumbers> numbers;
};

}  // namespace indrnn::cuda
