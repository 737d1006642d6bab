// Batch norms of features without variance.
#include <algorithm>
#include <vector>

#include "support.hpp"

namespace indrnn::testing {
namespace {

// Values far from zero, so that the rounding of mean * weight / sqrt(variance + epsilon) would show.
std::vector<float> far_from_zero(std::int64_t count, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<float> values(-30.0f, 30.0f);
  std::vector<float> result(static_cast<std::size_t>(count));
  for (float& value : result) value = values(random);
  return result;
}

void fill_biases(Network& network, float value) {
  for (const NamedView& each : network.named_parameters()) {
    if (each.name.ends_with(".bias")) std::fill_n(each.view.as<float>(), each.view.shape.elements(), value);
  }
}

TEST(BatchNorm, OfOneSampleIsExactlyTheBias) {
  constexpr std::int64_t steps = 50, features = 37;
  Network network =
      make_network({nn::BatchNorm{.mode = "step", .time_steps = steps}}, features, DType::float32);
  fill_biases(network, 0.7f);
  const std::vector<float> x = far_from_zero(steps * features, 1);
  Tensor y({steps, 1, features}, DType::float32);
  State state = network.initial_state(1);
  network.forward({x.data(), {steps, 1, features}}, y.view(), state, {.training = true});
  EXPECT_TRUE(std::all_of(y.data<float>(), y.data<float>() + steps * features,
                          [](float each) { return each == 0.7f; }));
}

TEST(BatchNorm, OfAConstantFeatureIsExactlyTheBias) {
  constexpr std::int64_t steps = 300, batch = 40, features = 37;
  Network network = make_network({nn::BatchNorm{}}, features, DType::float32);
  fill_biases(network, -0.3f);
  const std::vector<float> row = far_from_zero(features, 2);
  Tensor x({steps, batch, features}, DType::float32), y = x;
  for (std::int64_t at = 0; at < steps * batch; ++at) std::ranges::copy(row, x.data<float>() + at * features);
  State state = network.initial_state(batch);
  network.forward(x.view(), y.view(), state, {.training = true});
  EXPECT_TRUE(std::all_of(y.data<float>(), y.data<float>() + y.shape().elements(),
                          [](float each) { return each == -0.3f; }));
}

TEST(BatchNorm, WithoutVarianceGivesReluNoGradient) {
  constexpr std::int64_t steps = 20, features = 37;
  Network network = make_network(
      {nn::BatchNorm{.mode = "step", .time_steps = steps}, nn::Recurrence{.init_low = 0.0, .init_high = 0.0}},
      features, DType::float32);
  const std::vector<float> x = far_from_zero(steps * features, 3);
  Tensor y({steps, 1, features}, DType::float32), dy = y;
  std::fill_n(dy.data<float>(), dy.shape().elements(), 1.0f);
  State state = network.initial_state(1);
  network.forward({x.data(), {steps, 1, features}}, y.view(), state, {.training = true});
  network.backward(dy.view());
  for (const NamedView& each : network.named_gradients()) {
    const auto* first = each.view.as<float>();
    EXPECT_TRUE(std::all_of(first, first + each.view.shape.elements(), [](float value) {
      return value == 0.0f;
    })) << each.name;
  }
}

}  // namespace
}  // namespace indrnn::testing
