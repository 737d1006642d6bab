// Data-parallel training: ranks that each have a share of a batch do what one network does with all of it.
#include <string>
#include <vector>

#include "ranks.hpp"

namespace indrnn::testing {
namespace {

class RanksOfStack : public ::testing::TestWithParam<RankStack> {};

TEST_P(RanksOfStack, AreOneNetworkWithTheWholeBatch) {
  for (const std::int64_t time_steps : {7, 300}) {
    for (const bool lengths : {false, true}) {
      const Training training{GetParam().layers, time_steps, 5, 2, lengths};
      TrainingResult whole = train(training, {5});
      // Also with a share that is empty, and one of nothing but empty sequences (sample 1).
      for (const std::vector<std::int64_t>& shares :
           std::vector<std::vector<std::int64_t>>{{2, 3}, {3, 0, 2}, {0, 1, 1, 3}}) {
        SCOPED_TRACE(std::to_string(time_steps) + (lengths ? " steps, lengths, " : " steps, ") +
                     std::to_string(shares.size()) + " ranks");
        TrainingResult found = train(training, shares);
        expect_same_training(found, whole, 1e-12);
        const TrainingResult again = train(training, shares);
        EXPECT_TRUE(same_bits(found.y.view(), again.y.view()));
        EXPECT_TRUE(same_bits(found.dx.view(), again.dx.view()));
        EXPECT_EQ(found.gradients, again.gradients);
        EXPECT_EQ(found.buffers, again.buffers);
      }
    }
  }
}

TEST_P(RanksOfStack, TakePartWithoutAnySteps) {
  for (const auto& [time_steps, batch] : {std::pair{0, 2}, std::pair{3, 0}}) {
    const Training training{GetParam().layers, time_steps, batch};
    TrainingResult found =
        train(training, batch == 0 ? std::vector<std::int64_t>{0, 0} : std::vector<std::int64_t>{1, 1});
    TrainingResult whole = train(training, {batch});
    EXPECT_EQ(found.buffers[1], whole.buffers[0]);
    EXPECT_EQ(found.calls[0], found.calls[1]);
  }
}

INSTANTIATE_TEST_SUITE_P(Stacks, RanksOfStack, ::testing::ValuesIn(rank_stacks()),
                         [](const ::testing::TestParamInfo<RankStack>& each) { return each.param.name; });

// Alone, the two ranks would cut time in windows of different lengths.
TEST(Ranks, RecomputeTheSameWindows) {
  const nn::BatchNorm step_norm{.mode = "step", .time_steps = 8};
  Training training{
      {nn::IndRNN{.size = 8}, step_norm, nn::Dropout{.p = 0.2}, nn::IndRNN{.size = 8}, step_norm}, 24000, 6};
  training.rounds = 1;
  TrainingResult whole = train(training, {6});
  training.memory = "recompute";
  TrainingResult found = train(training, {5, 1});
  expect_same_training(found, whole, 1e-12);
}

TEST(Ranks, FarMeansLoseNoDigits) {
  // The mean is 1e6 deviations away: squares about anything but the mean itself would lose all of the variance.
  const std::int64_t time_steps = 50, batch = 4;
  std::mt19937_64 random(1);
  Tensor x = normal_tensor({time_steps, batch, 3}, random);
  for (double& value : elements(x)) value += 1e6;
  ThreadRanks ranks(2);
  std::vector<Tensor> outputs;
  for (int i = 0; i < 2; ++i) outputs.emplace_back(Shape{time_steps, 2, 3}, DType::float64);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < 2; ++rank) {
    threads.emplace_back([&, rank] {
      Network network = make_network({nn::BatchNorm{}}, 3);
      network.set_reduction(ranks.reduction(rank));
      Tensor share = take_samples(x, 2 * rank, 2);
      network.forward(share.view(), outputs[static_cast<std::size_t>(rank)].view(), {.training = true});
    });
  }
  for (std::thread& thread : threads) thread.join();
  Network alone = make_network({nn::BatchNorm{}}, 3);
  Tensor wanted = alone.forward(x.view(), {.training = true});
  for (int rank = 0; rank < 2; ++rank) {
    Tensor part = take_samples(wanted, 2 * rank, 2);
    expect_close(outputs[static_cast<std::size_t>(rank)].view(), part.view(), 1e-9, "y");  // 1e6 / 2^53
  }
}

class OneRank : public ::testing::Test {
 protected:
  Network network = make_network({nn::BatchNorm{.mode = "step", .time_steps = 4}, nn::Linear{.size = 3},
                                  nn::BatchNorm{}, nn::Dropout{.p = 0.5}},
                                 2);
  std::mt19937_64 random{2};
  Tensor x = normal_tensor({4, 3, 2}, random), dy = normal_tensor({4, 3, 3}, random);
  Tensor y{{4, 3, 3}, DType::float64};
  int calls = 0, fails_at = -1;

  void SetUp() override {
    network.set_reduction([this](std::span<double>) {
      if (calls++ == fails_at) throw std::runtime_error("no network cable");
    });
  }
};

TEST_F(OneRank, IsNotAskedOutsideTraining) {
  State state = network.initial_state(3);
  network.forward(x.view(), y.view(), state, {});
  network.forward(x.view(), y.view(), state, {.keep = true});
  network.backward(dy.view());
  Tensor one({3, 2}, DType::float64), result({3, 3}, DType::float64);
  network.step(one.view(), result.view(), state);
  EXPECT_EQ(calls, 0);
}

TEST_F(OneRank, IsAskedTwiceForwardAndOnceBackwardByEachNorm) {
  network.forward(x.view(), y.view(), {.training = true});
  EXPECT_EQ(calls, 4);
  network.backward(dy.view());
  EXPECT_EQ(calls, 6);
}

TEST_F(OneRank, BackwardUsesTheReductionOfItsForward) {
  network.forward(x.view(), y.view(), {.training = true});
  network.set_reduction(nullptr);
  network.backward(dy.view());
  EXPECT_EQ(calls, 6);
  network.forward(x.view(), y.view(), {.training = true});
  EXPECT_EQ(calls, 6);
}

TEST_F(OneRank, GoesOnAfterAFailure) {
  Network other = make_network({nn::BatchNorm{.mode = "step", .time_steps = 4}, nn::Linear{.size = 3},
                                nn::BatchNorm{}, nn::Dropout{.p = 0.5}},
                               2);
  other.set_reduction([](std::span<double>) {});
  Tensor wanted = other.forward(x.view(), {.training = true});
  other.backward(dy.view());
  for (int call = 0; call < 6; ++call) {
    SCOPED_TRACE("call " + std::to_string(call));
    network.set_random_state(0, 0);
    network.zero_gradients();
    calls = 0, fails_at = call;
    State state = network.initial_state(3);
    const auto step = [&] {
      network.forward(x.view(), y.view(), state, {.training = true});
      network.backward(dy.view());
    };
    expect_error<std::runtime_error>(step, {"no network cable"});
    EXPECT_EQ(network.random_state().second, call < 4 ? 0U : 1U);
    for (const double value : elements(network.gradients())) EXPECT_EQ(value, 0.0);
    expect_error<InvalidArgument>([&] { network.backward(dy.view()); }, {"[backward]", "forward"});

    network.set_random_state(0, 0);
    step();
    EXPECT_TRUE(same_bits(y.view(), wanted.view()));
    EXPECT_TRUE(same_bits(network.gradients(), other.gradients()));
  }
}

TEST_F(OneRank, FirstSampleOutOfRangeIsRefused) {
  for (const std::int64_t index : {std::int64_t{-1}, std::int64_t{1} << 31}) {
    expect_error<InvalidArgument>([&] { network.set_first_sample(index); },
                                  {"[set_first_sample]", "index", std::to_string(index), "2^31"});
  }
  network.set_first_sample((std::int64_t{1} << 31) - 1);
  EXPECT_EQ(network.first_sample(), (std::int64_t{1} << 31) - 1);
}

TEST(Ranks, MasksFollowTheGlobalBatch) {
  const std::vector<nn::LayerSpec> layers{nn::Dropout{.p = 0.5}, nn::Recurrence{.zoneout = 0.5}};
  std::mt19937_64 random(4);
  Tensor x = normal_tensor({5, 6, 9}, random);
  Network whole = make_network(layers, 9);
  Tensor wanted = whole.forward(x.view(), {.training = true});
  Network share = make_network(layers, 9);
  share.set_first_sample(4);
  Tensor x_share = take_samples(x, 4, 2);
  Tensor found = share.forward(x_share.view(), {.training = true});
  EXPECT_TRUE(same_bits(found.view(), take_samples(wanted, 4, 2).view()));
}

}  // namespace
}  // namespace indrnn::testing
