// Optimizers as Python holds them.
#pragma once

#include <memory>
#include <utility>

#include "indrnn/optim.hpp"
#include "shared_network.hpp"

namespace indrnn::python {

// An optimizer and the network it keeps alive.
template <class Optimizer, class Options>
struct SharedOptimizer {
  SharedOptimizer(std::shared_ptr<SharedNetwork> network, const Options& options)
      : shared(std::move(network)), optimizer(shared->network, options) {}

  std::shared_ptr<SharedNetwork> shared;
  Optimizer optimizer;
};

using SharedAdam = SharedOptimizer<optim::Adam, optim::AdamOptions>;
using SharedSgd = SharedOptimizer<optim::Sgd, optim::SgdOptions>;

}  // namespace indrnn::python
