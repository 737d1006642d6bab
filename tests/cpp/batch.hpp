// A random batch for a network, and the check that its gradients are the derivatives of its forward.
#pragma once

#include <cstdint>
#include <vector>

#include "support.hpp"

namespace indrnn::testing {

// One batch of random sequences with lengths, resets and states, and everything that comes out of a network for it.
struct Batch {
  Batch(Network& network, std::int64_t time_steps, std::int64_t batch) {
    x = normal_tensor({time_steps, batch, network.options().input_size}, random);
    y = Tensor(network.output_shape(time_steps, batch), DType::float64);
    dy = normal_tensor(y.shape(), random);
    dx = Tensor(x.shape(), DType::float64);
    initial = network.initial_state(batch);
    dfinal = network.initial_state(batch);
    if (initial.flat.shape().elements() > 0) {
      fill_normal(initial.flat.view(), random);
      fill_normal(dfinal.flat.view(), random);
    }
    for (std::int64_t b = 0; b < batch; ++b) lengths.push_back(b % 3 == 2 ? 0 : time_steps - b % 3);
    resets.assign(static_cast<std::size_t>(time_steps * batch), 0);
    if (!resets.empty()) resets[resets.size() / 2] = 1;
    options.lengths = {lengths.data(), Shape{batch}};
    options.resets = {resets.data(), Shape{time_steps, batch}};
  }

  void forward(Network& network) {
    final = initial;
    network.forward(x.view(), y.view(), final, options);
  }

  void backward(Network& network) {
    dinitial = dfinal;
    network.backward(dy.view(), dx.view(), &dinitial);
  }

  std::mt19937_64 random{3};
  Tensor x, y, dy, dx;
  State initial, final, dfinal, dinitial;
  std::vector<std::int64_t> lengths;
  std::vector<std::uint8_t> resets;
  ForwardOptions options;
};

inline void expect_gradients_are_derivatives(Network& network, Batch& batch) {
  const auto functional = [&] {
    network.set_random_state(7, 0);
    batch.forward(network);
    return dot(batch.y.view(), batch.dy.view()) + dot(batch.final.flat.view(), batch.dfinal.flat.view());
  };
  functional();
  batch.backward(network);
  Tensor gradients(network.gradients().shape, DType::float64);
  std::ranges::copy(elements(network.gradients()), gradients.data<double>());
  Tensor dx = batch.dx;
  State dinitial = batch.dinitial;
  Tensor by_parameters = central_differences(network.parameters(), functional);
  Tensor by_x = central_differences(batch.x.view(), functional);
  Tensor by_state = central_differences(batch.initial.flat.view(), functional);
  expect_close(gradients.view(), by_parameters.view(), 1e-6, "parameters");
  expect_close(dx.view(), by_x.view(), 1e-6, "x");
  expect_close(dinitial.flat.view(), by_state.view(), 1e-6, "state");
}

}  // namespace indrnn::testing
