// Clipping of gradients, and the bound on recurrent weights.
#include <array>
#include <cmath>
#include <numeric>

#include "backend/device_context.hpp"
#include "core/dispatch.hpp"
#include "indrnn/optim.hpp"
#include "optim/blocks.hpp"

namespace indrnn::optim {
namespace {

void clamp(Network& network, const TensorView& values, double limit) {
  if (const auto context = network.context(); context != nullptr) {
    return context->clamp(values.dtype, values.data, values.shape.elements(), limit);
  }
  dispatch_float(values.dtype, [&](auto zero) {
    using T = decltype(zero);
    for_flat_blocks(values.shape.elements(), [&](std::int64_t begin, std::int64_t end, std::int64_t) {
      kernels<T>().clamp(end - begin, static_cast<T>(limit), values.as<T>() + begin);
    });
  });
}

}  // namespace

void clip_gradients_by_value(Network& network, double limit) {
  check_not_negative("clip_gradients", "value", limit);
  clamp(network, network.gradients(), limit);
}

double clip_gradients_by_norm(Network& network, double limit) {
  check_not_negative("clip_gradients", "norm", limit);
  const TensorView gradients = network.gradients();
  const std::int64_t count = gradients.shape.elements();
  if (const auto context = network.context(); context != nullptr) {
    const std::shared_ptr<void> norm = context->allocate_unset(sizeof(double));
    context->clip_by_norm(gradients.dtype, gradients.data, count, limit, static_cast<double*>(norm.get()));
    double result = 0.0;
    context->download(norm.get(), &result, sizeof(result));
    return result;
  }
  return dispatch_float(gradients.dtype, [&](auto zero) {
    using T = decltype(zero);
    std::array<double, max_flat_blocks> squares{};
    for_flat_blocks(count, [&](std::int64_t begin, std::int64_t end, std::int64_t block) {
      squares[static_cast<std::size_t>(block)] =
          kernels<T>().sum_of_squares(end - begin, gradients.as<T>() + begin);
    });
    const double norm = std::sqrt(std::accumulate(squares.begin(), squares.end(), 0.0));
    if (norm > limit && std::isfinite(norm))
      for_flat_blocks(count, [&](std::int64_t begin, std::int64_t end, std::int64_t) {
        kernels<T>().scale(end - begin, static_cast<T>(limit / norm), gradients.as<T>() + begin);
      });
    return norm;
  });
}

void constrain_recurrent(Network& network, double bound) {
  check_not_negative("constrain_recurrent", "bound", bound);
  for (const NamedView& parameter : network.named_parameters())
    if (is_recurrent_weight(parameter.name)) clamp(network, parameter.view, bound);
}

}  // namespace indrnn::optim
