// The time-parallel recurrence gives what the sequential one gives: u of either sign, zero, and large enough to overflow.
#include <cstdlib>

#include "compare.hpp"
#include "executor/scan_choice.hpp"

namespace indrnn::testing {
namespace {

class ScanAlways : public ::testing::Test {
 protected:
  void SetUp() override { setenv("INDRNN_CUDA_SCAN", "always", 1); }
  void TearDown() override { unsetenv("INDRNN_CUDA_SCAN"); }
};

class Scan : public ScanAlways, public ::testing::WithParamInterface<const char*> {};

TEST_P(Scan, IsTheSequentialRecurrence) {
  for (std::int64_t time_steps : {2, 3, 41, 300}) {
    expect_as_cpu_in_all_modes(
        {.name = GetParam(),
         .layers = {nn::IndRNN{.size = 33, .activation = GetParam(), .init_low = -1.02, .init_high = 1.02}},
         .time_steps = time_steps,
         .batch = 3});
  }
}

TEST_P(Scan, ZeroAndConstantWeights) {
  for (double u : {0.0, 1.0, -1.0}) {
    expect_as_cpu_in_all_modes(
        {.name = GetParam(),
         .layers = {nn::IndRNN{.size = 4, .activation = GetParam(), .init_low = u, .init_high = u}},
         .time_steps = 60,
         .batch = 4});
  }
}

// More than two times as many chunks as are joined in one block.
TEST_P(Scan, ManyChunks) {
  Case each{.name = GetParam(),
            .layers = {nn::IndRNN{.size = 3, .activation = GetParam(), .init_low = -0.99, .init_high = 0.99}},
            .time_steps = 1800,
            .batch = 2};
  expect_as_cpu(each);
  each.resets = true;
  expect_as_cpu(each);
}

INSTANTIATE_TEST_SUITE_P(Activations, Scan, ::testing::Values("relu", "identity", "tanh", "sigmoid"));

// |u|^steps overflows inside a chunk; resets and ReLU keep the sequence itself in range.
TEST_F(ScanAlways, PowersOfReluThatOverflow) {
  expect_as_cpu({.name = "relu",
                 .layers = {nn::IndRNN{.size = 5, .init_low = -60.0, .init_high = -40.0}},
                 .time_steps = 3000,
                 .batch = 1,
                 .state = false});
}

TEST(ScanChoice, LongAndNarrowIsWalkedInChunks) {
  const cuda::Sizes h100{.multiprocessors = 132};
  EXPECT_GT(cuda::choose_chunks(h100, 100000, 128), 100);
  EXPECT_GT(cuda::choose_chunks(h100, 784, 32 * 128), 1);
  EXPECT_EQ(cuda::choose_chunks(h100, 5000, 128 * 2048), 1);  // columns enough
  EXPECT_EQ(cuda::choose_chunks(h100, 50, 128), 1);           // not worth three launches
  EXPECT_EQ(cuda::choose_chunks(h100, 0, 128), 1);
  EXPECT_EQ(cuda::choose_chunks(h100, 100, 0), 1);
}

TEST(ScanChoice, NeverDecreasesWithTime) {  // the plan's scratch is laid out for the longest window
  for (std::int64_t columns : {1, 128, 4096, 20000}) {
    std::int64_t before = 1;
    for (std::int64_t steps = 1; steps < 20000; steps += 7) {
      const std::int64_t chunks = cuda::choose_chunks({.multiprocessors = 108}, steps, columns);
      EXPECT_GE(chunks, before) << steps << " steps of " << columns << " columns";
      before = chunks;
    }
  }
}

}  // namespace
}  // namespace indrnn::testing
