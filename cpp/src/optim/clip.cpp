// Clipping of gradients, and the bound on recurrent weights.
#include <array>
#include <cmath>
#include <numeric>

#include "core/dispatch.hpp"
#include "indrnn/optim.hpp"
#include "optim/blocks.hpp"

namespace indrnn::optim {
namespace {

void clamp(const TensorView& values, double limit) {
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
  clamp(network.gradients(), limit);
}

double clip_gradients_by_norm(Network& network, double limit) {
  check_not_negative("clip_gradients", "norm", limit);
  const TensorView gradients = network.gradients();
  const std::int64_t count = gradients.shape.elements();
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
    if (is_recurrent_weight(parameter.name)) clamp(parameter.view, bound);
}

}  // namespace indrnn::optim
