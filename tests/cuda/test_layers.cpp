// Every layer on the device, as on the CPU: training and not, with lengths, resets, states, in float64 and float32.
#include "compare.hpp"

namespace indrnn::testing {
namespace {

struct Stack {
  std::string name;
  std::vector<nn::LayerSpec> layers;
  bool reads_backwards = false;  // no resets
};

std::vector<Stack> stacks() {
  const nn::Linear linear{.size = 4};
  const nn::BatchNorm step_norm{.mode = "step", .time_steps = 3};
  return {
      {"layer_norm", {linear, nn::LayerNorm{}, nn::Recurrence{}, nn::LayerNorm{}}},
      {"layer_norm_wide", {nn::Linear{.size = 67}, nn::LayerNorm{}, linear}},
      {"batch_norm", {nn::IndRNN{.size = 35}, nn::BatchNorm{}, nn::IndRNN{.size = 3}, nn::BatchNorm{}}},
      {"batch_norm_of_rows", {nn::IndRNN{.size = 5}, nn::LastStep{}, nn::BatchNorm{}, linear}},
      // A step that one sample alone reaches is normalised to exactly zero, where ReLU's slope is 0 on both devices.
      {"step_norm",
       {nn::IndRNN{.size = 34}, step_norm, nn::IndRNN{.size = 3, .activation = "tanh"}, step_norm}},
      {"step_norm_relu", {nn::IndRNN{.size = 34}, step_norm, nn::Recurrence{}, linear}},
      {"dropout",
       {nn::IndRNN{.size = 9}, nn::Dropout{.p = 0.4}, nn::IndRNN{.size = 6}, nn::LastStep{},
        nn::Dropout{.p = 0.3}, linear}},
      {"zoneout",
       {nn::IndRNN{.size = 5, .zoneout = 0.3}, nn::Recurrence{.activation = "tanh", .zoneout = 0.5},
        nn::Recurrence{.activation = "sigmoid", .zoneout = 0.1}}},
      {"differences", {nn::Concat{{nn::TimeDifference{}}}, nn::IndRNN{.size = 3}, nn::TimeDifference{}}},
      {"mean", {nn::IndRNN{.size = 4}, nn::MeanOverTime{}, nn::LayerNorm{}, linear}},
      {"residual",
       {linear, nn::Residual{{nn::Recurrence{}, nn::BatchNorm{}, nn::Dropout{.p = 0.3}, linear}},
        nn::Residual{{nn::Residual{{step_norm}}, nn::IndRNN{.size = 4}}}}},
      {"dense",
       {nn::Concat{{linear, nn::Recurrence{}, nn::Dropout{.p = 0.2}, nn::IndRNN{.size = 2}}},
        nn::Concat{{nn::BatchNorm{}, nn::IndRNN{.size = 2}}}, nn::LastStep{}, linear}},
      {"bidirectional",
       {nn::Bidirectional{{nn::IndRNN{.size = 3}, nn::Dropout{.p = 0.2}}},
        nn::Bidirectional{{nn::BatchNorm{}, nn::IndRNN{.size = 2}}}, linear},
       true},
      {"bidirectional_inside",
       {nn::Residual{{nn::Bidirectional{{nn::IndRNN{.size = 2}, step_norm}}, nn::Linear{.size = 3}}},
        nn::MeanOverTime{}, linear},
       true},
      {"embedding", {nn::Embedding{.num = 7, .size = 5}, nn::IndRNN{.size = 4}, nn::LastStep{}, linear}},
      {"embedding_dropped_and_tied",
       {nn::Embedding{.num = 40, .size = 33, .row_dropout = 0.3, .init_scale = 1.0}, nn::IndRNN{.size = 33},
        nn::TiedLinear{}}},
  };
}

std::string name_of(const ::testing::TestParamInfo<Stack>& each) { return each.param.name; }

class CudaLayers : public ::testing::TestWithParam<Stack> {};

TEST_P(CudaLayers, AreTheCpus) {
  expect_as_cpu_in_all_modes({.name = GetParam().name, .layers = GetParam().layers},
                             !GetParam().reads_backwards);
}

// More rows than one block of sums, more columns than a warp.
TEST_P(CudaLayers, AreTheCpusOverManySteps) {
  Case each{
      .name = GetParam().name, .layers = GetParam().layers, .time_steps = 173, .batch = 3, .lengths = true};
  expect_as_cpu(each);
  each.resets = !GetParam().reads_backwards;
  if (each.resets) expect_as_cpu(each);
}

// Few rows of the table: several runs of the batch's rows for each, with many of its own, and more features than a block has
// threads.
TEST(CudaEmbedding, OfFewRowsIsTheCpus) {
  indrnn_cuda_register();
  for (bool lengths : {false, true}) {
    expect_as_cpu({.name = "few",
                   .layers = {nn::Embedding{.num = 3, .size = 130}, nn::Recurrence{}, nn::MeanOverTime{}},
                   .time_steps = 301,
                   .batch = 3,
                   .input_size = 1,
                   .lengths = lengths});
  }
}

// Rows for more blocks of sums than eight for each lane of the kernel that joins them.
TEST(CudaLayerSums, OfManyBlocksAreTheCpus) {
  indrnn_cuda_register();
  for (bool lengths : {false, true}) {
    const Case each{.name = "norms",
                    .layers = {nn::BatchNorm{}, nn::Linear{.size = 3}, nn::LayerNorm{}},
                    .time_steps = lengths ? 5501 : 1201,
                    .batch = 3,
                    .lengths = lengths};
    expect_same(run_case(each, "cuda"), run_case(each, "cpu"), 1e-11);
    Case mean = each;
    mean.layers = {nn::TimeDifference{}, nn::MeanOverTime{}};
    expect_same(run_case(mean, "cuda"), run_case(mean, "cpu"), 1e-11);
  }
}

TEST_P(CudaLayers, NothingToDoIsFine) {
  for (auto [time_steps, batch] : {std::pair{0, 3}, std::pair{4, 0}}) {
    expect_as_cpu(
        {.name = GetParam().name, .layers = GetParam().layers, .time_steps = time_steps, .batch = batch});
  }
}

INSTANTIATE_TEST_SUITE_P(Stacks, CudaLayers, ::testing::ValuesIn(stacks()), name_of);

}  // namespace
}  // namespace indrnn::testing
