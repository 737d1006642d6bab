// Data-parallel training on the device: ranks do what one network on the CPU does with the whole batch.
#include "../cpp/ranks.hpp"

#include "compare.hpp"

namespace indrnn::testing {
namespace {

class CudaRanksOfStack : public ::testing::TestWithParam<RankStack> {
 protected:
  void SetUp() override { indrnn_cuda_register(); }
};

TEST_P(CudaRanksOfStack, AreOneNetworkWithTheWholeBatch) {
  for (const bool lengths : {false, true}) {
    Training training{GetParam().layers, 7, 5, 2, lengths};
    TrainingResult whole = train(training, {5});
    training.device = "cuda";
    for (const std::vector<std::int64_t>& shares :
         std::vector<std::vector<std::int64_t>>{{5}, {3, 0, 2}, {1, 1, 3}}) {
      SCOPED_TRACE(std::to_string(shares.size()) + (lengths ? " ranks, lengths" : " ranks"));
      TrainingResult found = train(training, shares);
      expect_same_training(found, whole, 1e-11);
      const TrainingResult again = train(training, shares);
      EXPECT_TRUE(same_bits(found.y.view(), again.y.view()));
      EXPECT_EQ(found.gradients, again.gradients);
      EXPECT_EQ(found.buffers, again.buffers);
    }
  }
}

TEST_P(CudaRanksOfStack, AskForTheSumsThatTheCpuAsksFor) {
  for (const auto& [time_steps, batch] : {std::pair{5, 2}, std::pair{0, 2}, std::pair{3, 0}}) {
    Training training{GetParam().layers, time_steps, batch};
    const std::vector<std::int64_t> shares{batch / 2, batch - batch / 2};
    const TrainingResult wanted = train(training, shares);
    training.device = "cuda";
    EXPECT_EQ(train(training, shares).calls, wanted.calls);
  }
}

INSTANTIATE_TEST_SUITE_P(Stacks, CudaRanksOfStack, ::testing::ValuesIn(rank_stacks()),
                         [](const ::testing::TestParamInfo<RankStack>& each) { return each.param.name; });

TEST(CudaRanks, CannotBeCaptured) {
  Network network = cuda_network({nn::BatchNorm{}}, 3);
  network.set_reduction([](std::span<double>) {});
  const auto context = network.context();
  const std::shared_ptr<void> memory = context->allocate(2 * 4 * 3 * sizeof(float));
  context->zero(memory.get(), 2 * 4 * 3 * sizeof(float));
  const ConstTensorView x{memory.get(), {2, 4, 3}, DType::float32};
  const TensorView y{memory.get(), {2, 4, 3}, DType::float32};
  network.forward(x, y, {.training = true});
  context->begin_capture();
  expect_error<DeviceError>([&] { network.forward(x, y, {.training = true}); },
                            {"set_reduction", "captured"});
  context->end_capture();
}

TEST(CudaRanks, GoOnAfterAFailure) {
  Network network = cuda_network({nn::IndRNN{.size = 3}, nn::BatchNorm{}}, 3);
  std::mt19937_64 random(1);
  Tensor x({4, 2, 3}, DType::float32), dy({4, 2, 3}, DType::float32), y = dy;
  fill_random(x, random);
  fill_random(dy, random);
  int calls = 0, fails_at = 0;
  network.set_reduction([&](std::span<double>) {
    if (calls++ == fails_at) throw std::runtime_error("no network cable");
  });
  const auto step = [&] {
    network.forward(x.view(), y.view(), {.training = true});
    network.backward(dy.view());
  };
  for (fails_at = 0; fails_at < 3; ++fails_at) {
    calls = 0;
    expect_error<std::runtime_error>(step, {"no network cable"});
    step();
    EXPECT_EQ(calls, fails_at + 4);
  }
}

}  // namespace
}  // namespace indrnn::testing
