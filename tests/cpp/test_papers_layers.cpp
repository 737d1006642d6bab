// The layers of both papers, nested as their networks nest them: gradients are derivatives, steps are forward.
#include <string>
#include <vector>

#include "batch.hpp"

namespace indrnn::testing {
namespace {

struct Stack {
  std::string name;
  std::vector<nn::LayerSpec> layers;
  bool reads_backwards = false;  // no resets, no step
  bool gives_sequence = true;
};

std::vector<Stack> stacks() {
  const nn::Linear linear{.size = 4};
  const nn::BatchNorm step_norm{.mode = "step", .time_steps = 8};
  return {
      {"layer_norm", {linear, nn::LayerNorm{}, nn::Recurrence{}, nn::LayerNorm{}}},
      {"step_norm", {nn::IndRNN{.size = 4}, step_norm, nn::IndRNN{.size = 3}, step_norm}},
      {"zoneout",
       {nn::IndRNN{.size = 5, .zoneout = 0.3}, nn::Recurrence{.activation = "tanh", .zoneout = 0.5}}},
      {"differences", {nn::Concat{{nn::TimeDifference{}}}, nn::IndRNN{.size = 3}, nn::TimeDifference{}}},
      {"mean", {nn::IndRNN{.size = 4}, nn::MeanOverTime{}, nn::LayerNorm{}, linear}, false, false},
      {"residual",
       {linear, nn::Residual{{nn::Recurrence{}, nn::BatchNorm{}, nn::Dropout{.p = 0.3}, linear}},
        nn::Residual{{nn::Residual{{step_norm}}, nn::IndRNN{.size = 4}}}}},
      {"dense",
       {nn::Concat{{linear, nn::Recurrence{}, nn::Dropout{.p = 0.2}, nn::IndRNN{.size = 2}}},
        nn::Concat{{nn::BatchNorm{}, nn::IndRNN{.size = 2}}}, nn::LastStep{}, linear},
       false,
       false},
      {"bidirectional",
       {nn::Bidirectional{{nn::IndRNN{.size = 3}, nn::Dropout{.p = 0.2}}},
        nn::Bidirectional{{nn::BatchNorm{}, nn::IndRNN{.size = 2}}}, linear},
       true},
      {"bidirectional_inside",
       {nn::Residual{{nn::Bidirectional{{nn::IndRNN{.size = 2}, step_norm}}, nn::Linear{.size = 2}}},
        nn::MeanOverTime{}, linear},
       true,
       false},
  };
}

class PapersLayers : public ::testing::TestWithParam<Stack> {
 protected:
  Network network = make_network(GetParam().layers, 2);
};

TEST_P(PapersLayers, GradientsAreDerivatives) {
  for (bool training : {true, false}) {
    Batch batch(network, 6, 7);
    batch.options.training = training;
    batch.options.keep = true;
    if (GetParam().reads_backwards) batch.options.resets = {};
    network.zero_gradients();
    expect_gradients_are_derivatives(network, batch);
  }
}

class StreamedLayers : public PapersLayers {};

TEST_P(StreamedLayers, StepsAreForward) {
  Batch batch(network, 7, 3);
  batch.options = {};
  batch.forward(network);
  State state = batch.initial;
  const std::int64_t features = batch.y.shape()[2];
  Tensor y({3, features}, DType::float64);
  for (std::int64_t t = 0; t < 7; ++t) {
    network.step({batch.x.data<double>() + t * 6, Shape{3, 2}}, y.view(), state);
    const TensorView expected{batch.y.data<double>() + t * 3 * features, Shape{3, features}};
    expect_close(y.view(), expected, 1e-12, "step " + std::to_string(t));
  }
  expect_close(state.flat.view(), batch.final.flat.view(), 1e-12, "state");
}

TEST_P(PapersLayers, JsonReadsBackEqual) {
  Network again = Network::from_json(network.to_json());
  EXPECT_EQ(again.layers(), network.layers());
  EXPECT_TRUE(same_bits(again.parameters(), network.parameters()));
}

TEST_P(PapersLayers, NothingToDoIsFine) {
  for (auto [time_steps, size] : {std::pair{0, 3}, std::pair{4, 0}}) {
    Batch batch(network, time_steps, size);
    batch.options = {.training = true};
    batch.forward(network);
    EXPECT_TRUE(same_bits(batch.final.flat.view(), batch.initial.flat.view()));
    batch.backward(network);
    EXPECT_TRUE(same_bits(batch.dinitial.flat.view(), batch.dfinal.flat.view()));
  }
}

TEST(PapersLayersAlone, BidirectionalCannotStep) {
  Network network = make_network({nn::Bidirectional{{nn::IndRNN{.size = 2}}}}, 2);
  State state = network.initial_state(1);
  Tensor x({1, 2}, DType::float64), y({1, 4}, DType::float64);
  expect_error<InvalidArgument>([&] { network.step(x.view(), y.view(), state); },
                                {"[step]", "Bidirectional"});
}

std::vector<Stack> streamed_stacks() {
  std::vector<Stack> streamed;
  for (const Stack& stack : stacks()) {
    if (stack.gives_sequence && !stack.reads_backwards) streamed.push_back(stack);
  }
  return streamed;
}

std::string name_of_stack(const ::testing::TestParamInfo<Stack>& each) { return each.param.name; }

INSTANTIATE_TEST_SUITE_P(Stacks, PapersLayers, ::testing::ValuesIn(stacks()), name_of_stack);
INSTANTIATE_TEST_SUITE_P(Stacks, StreamedLayers, ::testing::ValuesIn(streamed_stacks()), name_of_stack);

}  // namespace
}  // namespace indrnn::testing
