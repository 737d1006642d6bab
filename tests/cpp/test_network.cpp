// Networks through the C++ interface: gradients, states, lengths, streaming, moving.
#include <array>
#include <limits>
#include <string>
#include <vector>

#include "batch.hpp"

namespace indrnn::testing {
namespace {

using nn::LayerSpec;

std::vector<LayerSpec> classifier() {
  return {nn::IndRNN{.size = 6}, nn::BatchNorm{},
          nn::Dropout{.p = 0.3}, nn::IndRNN{.size = 5, .activation = "tanh"},
          nn::LastStep{},        nn::Linear{.size = 3}};
}

std::vector<LayerSpec> sequence_network() {
  return {nn::IndRNN{.size = 6}, nn::BatchNorm{}, nn::IndRNN{.size = 5}, nn::Linear{.size = 3}};
}

TEST(Network, GradientsAreDerivativesInTraining) {
  for (const auto& layers : {classifier(), sequence_network()}) {
    Network network = make_network(layers, 2);
    Batch batch(network, 6, 4);
    batch.options.training = true;
    expect_gradients_are_derivatives(network, batch);
  }
}

TEST(Network, GradientsAreDerivativesInEvaluation) {
  for (const auto& layers : {classifier(), sequence_network()}) {
    Network network = make_network(layers, 2);
    Batch batch(network, 6, 4);
    batch.options.keep = true;
    expect_gradients_are_derivatives(network, batch);
  }
}

TEST(Network, SmallestProblem) {
  Network network = make_network({nn::IndRNN{.size = 1}, nn::Linear{.size = 1}}, 1);
  Batch batch(network, 1, 1);
  batch.options.training = true;
  expect_gradients_are_derivatives(network, batch);
}

TEST(Network, EmbeddingGradientsAreDerivatives) {
  Network network = make_network({nn::Embedding{.num = 5, .size = 3}, nn::IndRNN{.size = 4}}, 0);
  std::mt19937_64 random(5);
  fill_normal(network.parameters(), random);
  Tensor x = index_tensor({6, 2}, 5, random);
  Tensor y(network.output_shape(6, 2), DType::float64);
  Tensor dy = normal_tensor(y.shape(), random);
  const auto functional = [&] {
    State state = network.initial_state(2);
    network.forward(x.view(), y.view(), state, {.keep = true});
    return dot(y.view(), dy.view());
  };
  functional();
  network.backward(dy.view());
  Tensor expected = central_differences(network.parameters(), functional);
  expect_close(network.gradients(), expected.view(), 1e-6, "parameters");
}

TEST(Network, BackwardAddsAndZeroGradientsClears) {
  Network network = make_network(sequence_network(), 2);
  Batch batch(network, 5, 3);
  batch.options.keep = true;
  batch.forward(network);
  batch.backward(network);
  Tensor once(network.gradients().shape, DType::float64);
  std::ranges::copy(elements(network.gradients()), once.data<double>());
  batch.forward(network);
  batch.backward(network);
  for (double& value : elements(once)) value *= 2;
  expect_close(network.gradients(), once.view(), 1e-13, "twice");
  network.zero_gradients();
  for (double value : elements(network.gradients())) EXPECT_EQ(value, 0.0);
}

TEST(Network, BackwardWorksWithoutOptionalResults) {
  Network network = make_network(sequence_network(), 2), other = make_network(sequence_network(), 2);
  Batch batch(network, 5, 3);
  batch.options.training = true;
  for (double& value : elements(batch.dfinal.flat)) value = 0.0;
  batch.forward(network);
  batch.backward(network);
  batch.forward(other);
  other.backward(batch.dy.view());
  EXPECT_TRUE(same_bits(network.gradients(), other.gradients()));
}

TEST(Network, BackwardDoesNotNeedTheCallersArrays) {
  Network network = make_network(classifier(), 2), other = make_network(classifier(), 2);
  Batch batch(network, 6, 4), lost(other, 6, 4);
  batch.options.training = lost.options.training = true;
  batch.forward(network);
  lost.forward(other);
  for (double& value : elements(lost.x)) value = std::numeric_limits<double>::quiet_NaN();
  for (double& value : elements(lost.y)) value = std::numeric_limits<double>::quiet_NaN();
  std::ranges::fill(lost.lengths, 0);
  std::ranges::fill(lost.resets, std::uint8_t{1});
  batch.backward(network);
  lost.backward(other);
  EXPECT_TRUE(same_bits(network.gradients(), other.gradients()));
  EXPECT_TRUE(same_bits(batch.dx.view(), lost.dx.view()));
}

TEST(Network, StepsAreForward) {
  Network network = make_network(sequence_network(), 2);
  Batch batch(network, 7, 3);
  batch.options = {};
  batch.forward(network);
  State state = batch.initial;
  Tensor y({3, 3}, DType::float64);
  for (std::int64_t t = 0; t < 7; ++t) {
    network.step({batch.x.data<double>() + t * 6, Shape{3, 2}}, y.view(), state);
    expect_close(y.view(), {batch.y.data<double>() + t * 9, Shape{3, 3}}, 1e-13, "step " + std::to_string(t));
  }
  expect_close(state.flat.view(), batch.final.flat.view(), 1e-13, "state");
  EXPECT_EQ(state.steps, 7);
  EXPECT_EQ(batch.final.steps, 7);
}

TEST(Network, ForwardInTwoPiecesIsForwardOfTheWhole) {
  Network network = make_network(sequence_network(), 2);
  Batch batch(network, 7, 3);
  batch.options = {};
  batch.forward(network);
  State state = batch.initial;
  Tensor first({4, 3, 3}, DType::float64), second({3, 3, 3}, DType::float64);
  network.forward({batch.x.data<double>(), Shape{4, 3, 2}}, first.view(), state);
  network.forward({batch.x.data<double>() + 24, Shape{3, 3, 2}}, second.view(), state);
  expect_close(first.view(), {batch.y.data<double>(), Shape{4, 3, 3}}, 1e-13, "first piece");
  expect_close(second.view(), {batch.y.data<double>() + 36, Shape{3, 3, 3}}, 1e-13, "second piece");
  expect_close(state.flat.view(), batch.final.flat.view(), 1e-13, "state");
}

TEST(Network, ForwardFromZeroStateReturnsTheOutput) {
  Network network = make_network(classifier(), 2);
  Batch batch(network, 5, 3);
  batch.initial = network.initial_state(3);
  batch.options = {};
  batch.forward(network);
  const Tensor y = network.forward(batch.x.view());
  EXPECT_TRUE(same_bits(y.view(), batch.y.view()));
}

TEST(Network, StatesAreNamedValues) {
  Network network = make_network(classifier(), 2);
  State state = network.initial_state(4);
  ASSERT_EQ(state.entries.size(), 2U);
  EXPECT_EQ(state.entries[0].name, "0.hidden");
  EXPECT_EQ(state.entries[1].name, "3.hidden");
  EXPECT_EQ(state["0.hidden"].shape, (Shape{4, 6}));
  EXPECT_EQ(state["3.hidden"].shape, (Shape{4, 5}));
  EXPECT_EQ(state.batch, 4);
  State copy = state;
  copy["0.hidden"].as<double>()[0] = 1.0;
  EXPECT_EQ(state["0.hidden"].as<double>()[0], 0.0);
  expect_error<InvalidArgument>([&] { state["hidden"]; }, {"hidden", "0.hidden", "3.hidden"});
}

TEST(Network, EmptyBatchesAndNoStepsAreFine) {
  for (const auto& layers : {classifier(), sequence_network()}) {
    for (auto [time_steps, batch_size] : {std::pair{0, 3}, std::pair{4, 0}, std::pair{0, 0}}) {
      Network network = make_network(layers, 2);
      Batch batch(network, time_steps, std::max(batch_size, 1));
      if (batch_size == 0) batch = Batch(network, time_steps, 0);
      batch.options = {.training = true};
      batch.forward(network);
      EXPECT_TRUE(same_bits(batch.final.flat.view(), batch.initial.flat.view()));
      batch.backward(network);
      EXPECT_TRUE(same_bits(batch.dinitial.flat.view(), batch.dfinal.flat.view()));
    }
  }
}

TEST(Network, MovingKeepsEverything) {
  Network network = make_network(sequence_network(), 2, DType::float64, 9);
  Network same = make_network(sequence_network(), 2, DType::float64, 9);
  Batch batch(network, 5, 3);
  batch.options.training = true;
  batch.forward(network);
  void* const parameters = network.parameters().data;
  Network moved = std::move(network);
  EXPECT_EQ(moved.parameters().data, parameters);
  batch.backward(moved);
  Batch again(same, 5, 3);
  again.options.training = true;
  again.forward(same);
  again.backward(same);
  EXPECT_TRUE(same_bits(moved.gradients(), same.gradients()));
  network = make_network({nn::Linear{.size = 1}}, 1);  // a moved-from network may be assigned to
  EXPECT_EQ(network.parameters().shape, (Shape{2}));
  moved = std::move(network);
  EXPECT_EQ(moved.layers().size(), 1U);
}

TEST(Network, DropoutFollowsTheRandomState) {
  Network network = make_network({nn::Dropout{.p = 0.5}}, 50);
  std::mt19937_64 random(1);
  Tensor x = normal_tensor({2, 20, 50}, random);
  EXPECT_EQ(network.random_state().second, 0U);
  const Tensor first = network.forward(x.view(), {.training = true});
  EXPECT_EQ(network.random_state().second, 1U);
  const Tensor second = network.forward(x.view(), {.training = true});
  EXPECT_FALSE(same_bits(first.view(), second.view()));
  network.set_random_state(network.random_state().first, 0);
  const Tensor repeated = network.forward(x.view(), {.training = true});
  EXPECT_TRUE(same_bits(first.view(), repeated.view()));
  const Tensor evaluated = network.forward(x.view());
  EXPECT_TRUE(same_bits(evaluated.view(), x.view()));
  EXPECT_EQ(network.random_state().second, 1U);
}

TEST(Network, SaysWhatItNeedsAndHowItRuns) {
  const Network network = make_network(classifier(), 2);
  const std::size_t evaluation = network.workspace_bytes(100, 8, false, false);
  const std::size_t training = network.workspace_bytes(100, 8, true, true);
  EXPECT_GT(evaluation, 0U);
  EXPECT_GT(training, evaluation);
  EXPECT_GT(network.workspace_bytes(1000, 8, true, true), 5 * training);
  EXPECT_EQ(network.describe_plan(100, 8, true).front(), '{');
  EXPECT_EQ(network.output_shape(100, 8), (Shape{8, 3}));
  EXPECT_EQ(make_network(sequence_network(), 2).output_shape(100, 8), (Shape{100, 8, 3}));
}

TEST(Network, WrongArgumentsAreNamed) {
  Network network = make_network(sequence_network(), 2);
  Batch good(network, 5, 3);
  Tensor narrow({5, 3, 1}, DType::float64), wide_y({5, 3, 4}, DType::float64),
      single({5, 3, 2}, DType::float32);
  Tensor flat({5, 6}, DType::float64);
  State small = network.initial_state(2);
  const auto forward = [&](ConstTensorView x, TensorView y, State state, ForwardOptions options = {}) {
    return [=, &network]() mutable { network.forward(x, y, state, options); };
  };
  expect_error<InvalidArgument>(forward(narrow.view(), good.y.view(), good.initial),
                                {"[forward]", "x ", "[5, 3, 1]"});
  expect_error<InvalidArgument>(forward(flat.view(), good.y.view(), good.initial), {"x ", "[5, 6]"});
  expect_error<TypeMismatch>(forward(single.view(), good.y.view(), good.initial),
                             {"x ", "float64", "float32"});
  expect_error<InvalidArgument>(forward(good.x.view(), wide_y.view(), good.initial),
                                {"y ", "[5, 3, 3]", "[5, 3, 4]"});
  expect_error<InvalidArgument>(forward(good.x.view(), good.y.view(), small), {"state", "3", "2"});
  const std::array<std::int64_t, 3> lengths{1, 6, 2};
  ForwardOptions options;
  options.lengths = {lengths.data(), Shape{3}};
  expect_error<InvalidArgument>(forward(good.x.view(), good.y.view(), good.initial, options),
                                {"lengths", "got 6"});
  options.lengths = {lengths.data(), Shape{2}};
  expect_error<InvalidArgument>(forward(good.x.view(), good.y.view(), good.initial, options),
                                {"lengths", "[3]", "[2]"});
  options.lengths = {};
  options.resets = {good.resets.data(), Shape{3, 5}};
  expect_error<InvalidArgument>(forward(good.x.view(), good.y.view(), good.initial, options),
                                {"resets", "[5, 3]", "[3, 5]"});

  expect_error<InvalidArgument>([&] { network.backward(good.dy.view()); }, {"[backward]", "forward"});
  good.options = {.training = true};
  good.forward(network);
  expect_error<InvalidArgument>([&] { network.backward(wide_y.view()); }, {"dy ", "[5, 3, 3]", "[5, 3, 4]"});
  expect_error<InvalidArgument>([&] { network.backward(good.dy.view(), narrow.view()); },
                                {"dx ", "[5, 3, 2]"});
  good.backward(network);
  expect_error<InvalidArgument>([&] { network.backward(good.dy.view()); }, {"[backward]", "forward"});

  Tensor x({3, 2}, DType::float64), y({3, 3}, DType::float64);
  expect_error<InvalidArgument>([&] { network.step(x.view(), y.view(), small); },
                                {"[step]", "state", "3", "2"});
  expect_error<InvalidArgument>([&] { network.step(y.view(), y.view(), good.initial); },
                                {"x ", "[3, 2]", "[3, 3]"});
}

TEST(Network, IndicesOutOfRangeAreRefused) {
  Network network = make_network({nn::Embedding{.num = 5, .size = 3}}, 0);
  const std::array<std::int64_t, 2> above{4, 5}, below{-1, 0};
  expect_error<InvalidArgument>([&] { network.forward({above.data(), Shape{2, 1}}); }, {"x ", "5"});
  expect_error<InvalidArgument>([&] { network.forward({below.data(), Shape{2, 1}}); }, {"x ", "-1"});
}

}  // namespace
}  // namespace indrnn::testing
