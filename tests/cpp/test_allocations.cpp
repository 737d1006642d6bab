// Once a network has seen a size, running it allocates nothing.
#include <vector>

#include "failing_allocator.hpp"
#include "support.hpp"

namespace indrnn::testing {
namespace {

std::vector<nn::LayerSpec> deep_network() {
  return {nn::IndRNN{.size = 24}, nn::BatchNorm{}, nn::Dropout{.p = 0.2}, nn::IndRNN{.size = 40},
          nn::BatchNorm{},        nn::LastStep{},  nn::Linear{.size = 3}};
}

TEST(Allocations, AreCounted) {
  const long before = allocations();
  const std::vector<int> something(100);
  EXPECT_GT(allocations(), before);
}

TEST(Allocations, StepAllocatesNothing) {
  for (std::int64_t batch : {1, 5}) {
    Network network = make_network(deep_network(), 3);
    Tensor x({batch, 3}, DType::float64), y({batch, 3}, DType::float64);
    State state = network.initial_state(batch);
    network.step(x.view(), y.view(), state);
    const long before = allocations();
    for (int i = 0; i < 100; ++i) network.step(x.view(), y.view(), state);
    EXPECT_EQ(allocations(), before);
  }
}

TEST(Allocations, TrainingStepsAllocateNothing) {
  Network network = make_network(deep_network(), 3);
  optim::Adam adam(network);
  std::mt19937_64 random(2);
  Tensor x = normal_tensor({40, 20, 3}, random), y({20, 3}, DType::float64), dx(x.shape(), DType::float64);
  Tensor targets = index_tensor({20}, 3, random);
  State zero = network.initial_state(20), state = zero;
  const auto train = [&] {
    state.steps = 0;
    std::ranges::copy(elements(zero.flat), state.flat.data<double>());
    network.forward(x.view(), y.view(), state, {.training = true});
    losses::softmax_cross_entropy(y.view(), targets.view(), {}, y.view());
    network.zero_gradients();
    network.backward(y.view(), dx.view());
    optim::clip_gradients_by_norm(network, 1.0);
    adam.step();
    optim::constrain_recurrent(network, 1.0);
  };
  train();
  train();
  const long before = allocations();
  for (int i = 0; i < 10; ++i) train();
  EXPECT_EQ(allocations(), before);
}

TEST(Allocations, ASmallerBatchAllocatesNothing) {
  Network network = make_network(deep_network(), 3);
  std::mt19937_64 random(2);
  Tensor x = normal_tensor({40, 20, 3}, random), y({20, 3}, DType::float64);
  State state = network.initial_state(20), small = network.initial_state(7);
  const auto run = [&](std::int64_t batch, State& from) {
    network.forward({x.data<double>(), Shape{30, batch, 3}}, {y.data<double>(), Shape{batch, 3}}, from);
  };
  run(20, state);
  run(7, small);
  const long before = allocations();
  run(20, state);
  run(7, small);
  EXPECT_EQ(allocations(), before);
}

}  // namespace
}  // namespace indrnn::testing
