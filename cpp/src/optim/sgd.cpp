#include "backend/device_context.hpp"
#include "core/dispatch.hpp"
#include "indrnn/optim.hpp"
#include "optim/blocks.hpp"

namespace indrnn::optim {
namespace {

void check(const SgdOptions& options) {
  check_not_negative("sgd", "lr", options.lr);
  check_below_one("sgd", "momentum", options.momentum);
  check_not_negative("sgd", "weight_decay", options.weight_decay);
}

}  // namespace

Sgd::Sgd(Network& network, const SgdOptions& options_)
    : options(options_), network_(&network), blocks_(parameter_blocks(network)), velocity_(network) {
  check(options);
}

void Sgd::step() {
  check(options);
  const TensorView parameters = network_->parameters();
  const TensorView gradients = network_->gradients();
  if (const auto context = network_->context(); context != nullptr) {
    context->sgd({.dtype = parameters.dtype,
                  .blocks = &blocks_,
                  .weight = parameters.data,
                  .gradient = gradients.data,
                  .velocity = velocity().data,
                  .options = &options});
    return;
  }
  dispatch_float(parameters.dtype, [&](auto zero) {
    using T = decltype(zero);
    parallel_for(static_cast<std::int64_t>(blocks_.size()), [&](std::int64_t task, int) {
      const ParameterBlock& block = blocks_[static_cast<std::size_t>(task)];
      kernels<T>().sgd({.count = block.end - block.begin,
                        .gradient = gradients.as<T>() + block.begin,
                        .weight = parameters.as<T>() + block.begin,
                        .velocity = velocity().as<T>() + block.begin,
                        .lr = static_cast<T>(options.lr),
                        .momentum = static_cast<T>(options.momentum),
                        .gradient_decay = static_cast<T>(block.decayed ? options.weight_decay : 0.0),
                        .nesterov = options.nesterov});
    });
  });
}

TensorView Sgd::velocity() { return velocity_.view(); }

}  // namespace indrnn::optim
