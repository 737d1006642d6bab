// A walk through time in windows that stay in the device's cache: where it is cut, and that it gives what one walk over
// all of T gives.
#include <cstdlib>

#include "compare.hpp"
#include "counters.hpp"
#include "executor/window_choice.hpp"

namespace indrnn::testing {
namespace {

using cuda::choose_window_steps;
using cuda::DeviceLimits;

constexpr std::int64_t mebibyte = std::int64_t{1} << 20;
constexpr DeviceLimits h100{.multiprocessors = 132, .cache_bytes = 50 * mebibyte};
constexpr DeviceLimits t4{.multiprocessors = 40, .cache_bytes = 4 * mebibyte};
constexpr DeviceLimits large{.multiprocessors = 128, .cache_bytes = 72 * mebibyte};

TEST(WindowChoice, LongAndWideWalksAreCutToTheCache) {
  // adding: 341 steps of 76 800 bytes are half of the cache; 15 windows of equal length.
  EXPECT_EQ(choose_window_steps({.time_steps = 5000, .batch = 50, .features = 128}, h100), 334);
  EXPECT_EQ(choose_window_steps({.time_steps = 5000, .batch = 50, .features = 128}, large), 455);
  // Half as many bytes an element, twice as many steps.
  EXPECT_EQ(choose_window_steps({.time_steps = 5000, .batch = 50, .features = 128, .element_bytes = 2}, h100),
            625);
}

TEST(WindowChoice, WindowsFillTheDevice) {
  EXPECT_EQ(choose_window_steps({.time_steps = 784, .batch = 32, .features = 128}, h100),
            784);  // pixel: half has 98 tiles
  const DeviceLimits small{.multiprocessors = 64, .cache_bytes = h100.cache_bytes};
  EXPECT_EQ(choose_window_steps({.time_steps = 784, .batch = 32, .features = 128}, small), 392);
}

TEST(WindowChoice, WindowsArePaidFor) {
  // ptb: 30 steps are 960 rows, less than the 2000 x 2000 weights that each window would read again.
  EXPECT_EQ(choose_window_steps({.time_steps = 150, .batch = 32, .features = 2000}, h100), 150);
  // A cache of 4 MiB holds so little that launches cost more than it saves.
  EXPECT_EQ(choose_window_steps({.time_steps = 5000, .batch = 50, .features = 128}, t4), 5000);
  EXPECT_EQ(choose_window_steps({.time_steps = 784, .batch = 32, .features = 128}, t4), 784);
  EXPECT_EQ(choose_window_steps({.time_steps = 150, .batch = 32, .features = 2000}, t4), 150);
}

TEST(WindowChoice, WhatFitsAsItIsStaysWhole) {
  EXPECT_EQ(choose_window_steps({.time_steps = 20, .batch = 128, .features = 512}, h100), 20);
  EXPECT_EQ(choose_window_steps({.time_steps = 0, .batch = 50, .features = 128}, h100), 0);
  EXPECT_EQ(choose_window_steps({.time_steps = 9, .batch = 0, .features = 128}, h100), 9);
  EXPECT_EQ(choose_window_steps({.time_steps = 9, .batch = 1 << 20, .features = 128}, h100),
            9);  // not one step
}

TEST(WindowChoice, NoWindowIsPastTheCache) {
  for (std::int64_t batch : {1, 7, 50, 512}) {
    for (std::int64_t features : {128, 500, 2048}) {
      for (std::int64_t time_steps = 2; time_steps < 20000; time_steps = time_steps * 3 / 2 + 1) {
        const cuda::Walk walk{.time_steps = time_steps, .batch = batch, .features = features};
        const std::int64_t steps = choose_window_steps(walk, large);
        ASSERT_TRUE(steps >= 1 && steps <= time_steps);
        if (steps == time_steps) continue;
        EXPECT_LE(3 * steps * batch * features * 4, large.cache_bytes / 2);
        EXPECT_LT(time_steps - steps * (time_steps / steps), steps);
      }
    }
  }
}

class Windows : public ::testing::Test {
 protected:
  void SetUp() override { indrnn_cuda_register(); }
  void TearDown() override { unsetenv("INDRNN_CUDA_WINDOW"); }

  static std::string plan_of(const Case& each) {
    return make_case_network(each, "cuda").describe_plan(each.time_steps, each.batch, true);
  }
  static void expect_windows(const Case& each, int windows) {
    const std::string plan = plan_of(each);
    EXPECT_NE(plan.find("\"windows\":" + std::to_string(windows) + ","), std::string::npos) << plan;
  }
};

TEST_F(Windows, GiveWhatTheCpuGives) {
  const Case cases[] = {
      {.name = "stack",
       .layers = {nn::IndRNN{.size = 9}, nn::Dropout{.p = 0.3}, nn::IndRNN{.size = 5, .activation = "tanh"}}},
      {.name = "kept by nodes",
       .layers = {nn::Linear{.size = 6}, nn::LayerNorm{},
                  nn::IndRNN{.size = 6, .activation = "tanh", .zoneout = 0.2}, nn::TimeDifference{},
                  nn::LastStep{}, nn::Linear{.size = 2}}},
      {.name = "mean",
       .layers = {nn::Residual{.layers = {nn::IndRNN{.size = 3, .activation = "sigmoid"}}},
                  nn::MeanOverTime{}}},
  };
  setenv("INDRNN_CUDA_WINDOW", "4", 1);
  for (Case each : cases) {
    each.time_steps = 14;  // windows of 4, 4, 4 and 2 steps
    expect_windows(each, 4);
    expect_as_cpu_in_all_modes(each);
  }
}

TEST_F(Windows, OfIndicesGiveWhatTheCpuGives) {
  setenv("INDRNN_CUDA_WINDOW", "3", 1);
  const Case each{.name = "indices",
                  .layers = {nn::Embedding{.num = 11, .size = 4}, nn::IndRNN{.size = 6}},
                  .time_steps = 10,
                  .input_size = 1};
  expect_windows(each, 4);
  expect_as_cpu_in_all_modes(each);
}

// Statistics of training are over all of T: the walk is not cut. Those of a prediction are known.
TEST_F(Windows, ANormOverTimeIsNotCut) {
  setenv("INDRNN_CUDA_WINDOW", "4", 1);
  Case each{.name = "norm",
            .layers = {nn::IndRNN{.size = 5}, nn::BatchNorm{}, nn::IndRNN{.size = 3}},
            .time_steps = 14};
  expect_windows(each, 1);
  expect_as_cpu_in_all_modes(each);
}

// A state goes from window to window as it goes from step to step: the same bits, whatever the windows. Gradients of
// weights are summed window by window, and agree to rounding.
TEST_F(Windows, OutputsAndInputGradientsHaveTheBitsOfOneWalk) {
  const Case each{.name = "bits",
                  .layers = {nn::IndRNN{.size = 8, .activation = "tanh"}, nn::IndRNN{.size = 8}},
                  .time_steps = 31,
                  .dtype = DType::float32};
  setenv("INDRNN_CUDA_WINDOW", "never", 1);
  const Outcome whole = run_case(each, "cuda");
  for (const char* steps : {"7", "1"}) {
    setenv("INDRNN_CUDA_WINDOW", steps, 1);
    const Outcome cut = run_case(each, "cuda");
    ASSERT_EQ(cut.arrays.size(), whole.arrays.size());
    for (std::size_t i = 0; i < whole.arrays.size(); ++i) {
      if (whole.arrays[i].first.find("gradient of") == std::string::npos) {
        EXPECT_EQ(cut.arrays[i].second, whole.arrays[i].second) << whole.arrays[i].first;
      }
    }
    expect_same(cut, whole, 1e-5);
  }
}

TEST_F(Windows, EachCostsTheLaunchesOfAWalk) {
  const auto launches = [](const char* window) {
    setenv("INDRNN_CUDA_WINDOW", window, 1);
    const Case each{
        .name = "launches", .layers = {nn::IndRNN{.size = 8}, nn::IndRNN{.size = 8}}, .time_steps = 12};
    emulation::reset_counters();
    run_case(each, "cuda");
    return emulation::counters()["recurrence_forward"].launches +
           emulation::counters()["recurrence_backward"].launches;
  };
  const auto whole = launches("never");
  EXPECT_EQ(whole, 8U);  // two rounds of two layers, both ways
  EXPECT_EQ(launches("4"), 3 * whole);
}

TEST_F(Windows, ThatRunAgainGiveWhatTheCpuGives) {
  setenv("INDRNN_CUDA_WINDOW", "5", 1);
  const Case each{
      .name = "recompute",
      .layers = {nn::Linear{.size = 30}, nn::Linear{.size = 5}, nn::IndRNN{.size = 30, .activation = "tanh"},
                 nn::Dropout{.p = 0.2}, nn::TimeDifference{}, nn::BatchNorm{.mode = "step", .time_steps = 20},
                 nn::IndRNN{.size = 2, .activation = "tanh", .zoneout = 0.1}, nn::MeanOverTime{},
                 nn::Linear{.size = 2}},
      .time_steps = 18,
      .batch = 3,
      .lengths = true,
      .memory = "recompute"};
  expect_windows(each, 4);
  expect_as_cpu(each);
}

// By itself a window is as long as a bound on what it keeps allows, and no longer where more is asked for.
TEST_F(Windows, ThatRunAgainAreBounded) {
  const Case each{.name = "bounded",
                  .layers = {nn::IndRNN{.size = 6000}, nn::Recurrence{}, nn::Recurrence{}},
                  .time_steps = 130,
                  .batch = 3,
                  .memory = "recompute"};
  const std::string plan = plan_of(each);
  EXPECT_EQ(plan.find("\"windows\":1,"), std::string::npos) << plan;
  setenv("INDRNN_CUDA_WINDOW", "130", 1);
  EXPECT_EQ(plan_of(each), plan);
}

}  // namespace
}  // namespace indrnn::testing
