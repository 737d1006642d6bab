// Linear and the recurrence on the device, as on the CPU: every activation, odd sizes, lengths, resets, states.
#include "compare.hpp"

namespace indrnn::testing {
namespace {

struct Size {
  std::int64_t time_steps, batch, hidden;
};

class CudaRecurrence : public ::testing::TestWithParam<std::tuple<std::string, Size>> {};

TEST_P(CudaRecurrence, IsTheCpus) {
  const auto& [activation, size] = GetParam();
  expect_as_cpu_in_all_modes(
      {.name = activation,
       .layers = {nn::IndRNN{.size = size.hidden, .activation = activation},
                  nn::Recurrence{.activation = activation, .init_low = -1.1, .init_high = 1.1}},
       .time_steps = size.time_steps,
       .batch = size.batch});
}

INSTANTIATE_TEST_SUITE_P(Sizes, CudaRecurrence,
                         ::testing::Combine(::testing::Values("relu", "tanh", "sigmoid", "identity"),
                                            ::testing::Values(Size{1, 1, 1}, Size{7, 5, 3}, Size{37, 2, 33},
                                                              Size{16, 9, 32}, Size{33, 1, 130})),
                         [](const auto& info) {
                           const Size& size = std::get<1>(info.param);
                           return std::get<0>(info.param) + "_T" + std::to_string(size.time_steps) + "_B" +
                                  std::to_string(size.batch) + "_H" + std::to_string(size.hidden);
                         });

TEST(CudaLinear, WithItsOwnBias) {
  expect_as_cpu_in_all_modes(
      {.name = "linear", .layers = {nn::Linear{.size = 4}, nn::Linear{.size = 70}}, .time_steps = 90});
}

TEST(CudaLastStep, IsTheCpus) {
  expect_as_cpu_in_all_modes(
      {.name = "last step", .layers = {nn::IndRNN{.size = 5}, nn::LastStep{}, nn::Linear{.size = 2}}});
}

TEST(CudaNetwork, NothingToDoIsFine) {
  for (auto [time_steps, batch] : {std::pair{0, 3}, std::pair{4, 0}, std::pair{0, 0}}) {
    expect_as_cpu({.name = "empty",
                   .layers = {nn::IndRNN{.size = 5}, nn::Linear{.size = 2}},
                   .time_steps = time_steps,
                   .batch = batch});
    expect_as_cpu({.name = "empty last step",
                   .layers = {nn::IndRNN{.size = 5}, nn::LastStep{}, nn::Linear{.size = 2}},
                   .time_steps = time_steps,
                   .batch = batch});
  }
}

TEST(CudaNetwork, StepsAreForward) {
  indrnn_cuda_register();
  const Case each{.name = "alone", .layers = {nn::IndRNN{.size = 5}, nn::Linear{.size = 2}}};
  Network network = make_case_network(each, "cuda");
  CaseArrays arrays(each, network);
  State state = arrays.state;
  network.forward(arrays.x.view(), arrays.y.view(), arrays.state, {});
  Tensor y({5, 2}, DType::float64);
  for (std::int64_t t = 0; t < 7; ++t) {
    network.step({arrays.x.data<double>() + t * 15, Shape{5, 3}}, y.view(), state);
    for (int i = 0; i < 10; ++i) EXPECT_NEAR(y.data<double>()[i], arrays.y.data<double>()[t * 10 + i], 1e-12);
  }
}

TEST(CudaNetwork, AWrongIndexIsNamed) {
  indrnn_cuda_register();
  const Case each{.name = "alone", .layers = {nn::IndRNN{.size = 5}}};
  try {
    make_case_network(each, "cuda:99");
    ADD_FAILURE() << "nothing was thrown";
  } catch (const DeviceError& error) {
    EXPECT_NE(std::string(error.what()).find("cuda:99"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace indrnn::testing
