#include <cmath>

#include "backend/device_context.hpp"
#include "core/dispatch.hpp"
#include "indrnn/optim.hpp"
#include "optim/blocks.hpp"

namespace indrnn::optim {
namespace {

void check(const AdamOptions& options) {
  check_not_negative("adam", "lr", options.lr);
  check_below_one("adam", "beta1", options.beta1);
  check_below_one("adam", "beta2", options.beta2);
  check_not_negative("adam", "epsilon", options.epsilon);
  check_not_negative("adam", "weight_decay", options.weight_decay);
}

}  // namespace

Adam::Adam(Network& network, const AdamOptions& options_)
    : options(options_),
      network_(&network),
      blocks_(parameter_blocks(network)),
      first_moment_(network),
      second_moment_(network) {
  check(options);
}

void Adam::step() {
  check(options);
  const double n = static_cast<double>(steps + 1);
  const double step_size = options.lr / (1 - std::pow(options.beta1, n));
  const double root_scale = 1 / std::sqrt(1 - std::pow(options.beta2, n));
  const TensorView parameters = network_->parameters();
  const TensorView gradients = network_->gradients();
  if (const auto context = network_->context(); context != nullptr) {
    context->adam({.dtype = parameters.dtype,
                   .blocks = &blocks_,
                   .weight = parameters.data,
                   .gradient = gradients.data,
                   .first_moment = first_moment().data,
                   .second_moment = second_moment().data,
                   .options = &options,
                   .steps = &steps});
    return;
  }
  dispatch_float(parameters.dtype, [&](auto zero) {
    using T = decltype(zero);
    parallel_for(static_cast<std::int64_t>(blocks_.size()), [&](std::int64_t task, int) {
      const ParameterBlock& block = blocks_[static_cast<std::size_t>(task)];
      const double decay = block.decayed ? options.weight_decay : 0.0;
      kernels<T>().adam({.count = block.end - block.begin,
                         .gradient = gradients.as<T>() + block.begin,
                         .weight = parameters.as<T>() + block.begin,
                         .first_moment = first_moment().as<T>() + block.begin,
                         .second_moment = second_moment().as<T>() + block.begin,
                         .beta1 = static_cast<T>(options.beta1),
                         .one_minus_beta1 = static_cast<T>(1 - options.beta1),
                         .beta2 = static_cast<T>(options.beta2),
                         .one_minus_beta2 = static_cast<T>(1 - options.beta2),
                         .step_size = static_cast<T>(step_size),
                         .root_scale = static_cast<T>(root_scale),
                         .epsilon = static_cast<T>(options.epsilon),
                         .gradient_decay = static_cast<T>(options.decoupled ? 0.0 : decay),
                         .keep = static_cast<T>(options.decoupled ? 1 - options.lr * decay : 1.0)});
    });
  });
  ++steps;
}

TensorView Adam::first_moment() { return first_moment_.view(); }
TensorView Adam::second_moment() { return second_moment_.view(); }

}  // namespace indrnn::optim
