// Values stored as bfloat16: exact where bfloat16 holds every number, near float32 elsewhere, the same bits each time.
#include <cmath>
#include <cstdlib>
#include <functional>

#include "compare.hpp"
#include "counters.hpp"
#include "options.hpp"

namespace indrnn::testing {
namespace {

struct Stack {
  std::string name;
  std::vector<nn::LayerSpec> layers;
  bool resets = true;      // reads forwards
  bool recomputes = true;  // needs no whole sequence at once
  std::int64_t time_steps = 4;
};

std::string name_of(const ::testing::TestParamInfo<Stack>& each) { return each.param.name; }

Case case_of(const Stack& stack) {
  return {.name = stack.name,
          .layers = stack.layers,
          .time_steps = stack.time_steps,
          .dtype = DType::float32,
          .storage = "bfloat16"};
}

void in_all_modes(Case each, const Stack& stack, const std::function<void(const Case&)>& check) {
  const auto checked = [&] {
    SCOPED_TRACE(each.name + " " + each.memory + (each.training ? " training" : "") +
                 (each.lengths ? " lengths" : "") + (each.resets ? " resets" : ""));
    check(each);
  };
  indrnn_cuda_register();
  checked();
  each.lengths = true;
  checked();
  if (stack.recomputes) {
    each.memory = "recompute";
    checked();
    each.memory = "store";
  }
  each.training = false;
  checked();
  each.dx = each.state = false;
  checked();
  each.keep = false;
  checked();
  if (!stack.resets) return;
  each.keep = each.dx = each.state = each.training = each.resets = true;
  checked();
}

// From -1, 0 and 1 in x, dy, parameters and states come integers, halves and quarters, few enough bits for bfloat16.
std::vector<Stack> exact_stacks() {
  const nn::Linear linear{.size = 3};
  return {
      {"one_of_everything", {nn::IndRNN{.size = 1}}, true, true, 1},
      {"relu", {nn::IndRNN{.size = 5}, linear}},
      {"identity", {nn::Recurrence{.activation = "identity"}, nn::LastStep{}, linear}},
      {"wide", {nn::IndRNN{.size = 33}, nn::LastStep{}}},
      {"zoneout", {nn::IndRNN{.size = 5, .zoneout = 0.5}}},
      {"dropout", {nn::IndRNN{.size = 6}, nn::Dropout{.p = 0.5}, linear}},
      {"differences", {nn::Concat{{nn::TimeDifference{}}}, nn::IndRNN{.size = 3}, nn::TimeDifference{}}},
      {"residual", {linear, nn::Residual{{nn::Recurrence{}, linear}}}},
      {"dense", {nn::Concat{{linear, nn::Recurrence{}}}, nn::LastStep{}}},
      {"bidirectional", {nn::Bidirectional{{nn::IndRNN{.size = 3}}}, linear}, false, false},
      {"embedding", {nn::Embedding{.num = 7, .size = 5}, nn::Recurrence{}, nn::LastStep{}}},
      {"tied", {nn::Embedding{.num = 7, .size = 5}, nn::Recurrence{}, nn::TiedLinear{}}},
      {"mean", {nn::Recurrence{}, nn::MeanOverTime{}}},
  };
}

class CudaStorageExact : public ::testing::TestWithParam<Stack> {
 protected:
  void check() const {
    Case all = case_of(GetParam());
    all.small_integers = true;
    in_all_modes(all, GetParam(),
                 [](const Case& each) { expect_same(run_case(each, "cuda"), run_case(each, "cpu"), 0.0); });
  }
};

TEST_P(CudaStorageExact, WhatBfloat16HoldsIsTheCpusFloat32) { check(); }

TEST_P(CudaStorageExact, TheTimeParallelRecurrenceToo) {
  setenv("INDRNN_CUDA_SCAN", "always", 1);
  check();
  unsetenv("INDRNN_CUDA_SCAN");
}

TEST_P(CudaStorageExact, InWindowsOfTimeToo) {
  setenv("INDRNN_CUDA_WINDOW", "2", 1);
  check();
  unsetenv("INDRNN_CUDA_WINDOW");
}

INSTANTIATE_TEST_SUITE_P(Stacks, CudaStorageExact, ::testing::ValuesIn(exact_stacks()), name_of);

double product(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

// |found - wanted| / |wanted|
double distance(const std::vector<double>& found, const std::vector<double>& wanted) {
  std::vector<double> difference = found;
  for (std::size_t i = 0; i < wanted.size(); ++i) difference[i] -= wanted[i];
  const double length = std::sqrt(product(wanted, wanted));
  return std::sqrt(product(difference, difference)) / (length > 0.0 ? length : 1.0);
}

// All gradients of parameters of the second round, one behind the other.
std::vector<double> whole_gradient(const Outcome& outcome) {
  std::vector<double> whole;
  for (const auto& [name, values] : outcome.arrays) {
    if (name.starts_with("second gradient")) whole.insert(whole.end(), values.begin(), values.end());
  }
  return whole;
}

// A number is rounded by 2^-9 of itself at most. Some eight roundings lie between x and y here.
constexpr double bound_of_values = 8.0 / 512.0;
// Where z lies that near to 0, ReLU gives the gradient the other way: 2^-8 of all numbers, 2^-4 of the gradient's length.
// Norms, which take a mean away, let the rest be a little shorter.
constexpr double bound_of_gradients = 0.1;
// The angle of 2^-4 again.
constexpr double least_cosine = 1.0 - 0.0625 * 0.0625 / 2.0;

void expect_near(const Outcome& found, const Outcome& wanted) {
  ASSERT_EQ(found.arrays.size(), wanted.arrays.size());
  for (std::size_t i = 0; i < wanted.arrays.size(); ++i) {
    const std::string& name = wanted.arrays[i].first;
    if (name.find("gradient of") != std::string::npos) continue;  // in their sum, below
    const bool backward = name.ends_with("dx") || name.ends_with("dstate");
    EXPECT_LE(distance(found.arrays[i].second, wanted.arrays[i].second),
              backward ? bound_of_gradients : bound_of_values)
        << name;
  }
  const std::vector<double> a = whole_gradient(found), b = whole_gradient(wanted);
  if (product(b, b) == 0.0) return;
  EXPECT_GE(product(a, b) / std::sqrt(product(a, a) * product(b, b)), least_cosine);
}

std::vector<Stack> rounded_stacks() {
  const nn::Linear linear{.size = 4};
  const nn::BatchNorm step_norm{.mode = "step", .time_steps = 3};
  return {
      {"tanh",
       {nn::IndRNN{.size = 17, .activation = "tanh"}, nn::IndRNN{.size = 9, .activation = "sigmoid"},
        linear}},
      {"relu", {nn::IndRNN{.size = 67}, nn::IndRNN{.size = 35}, nn::LastStep{}, linear}},
      {"layer_norm", {nn::Linear{.size = 67}, nn::LayerNorm{}, nn::Recurrence{}, nn::LayerNorm{}}},
      {"batch_norm",
       {nn::IndRNN{.size = 35}, nn::BatchNorm{}, nn::IndRNN{.size = 30}, nn::BatchNorm{}},
       true,
       false},
      {"step_norm", {nn::IndRNN{.size = 34, .activation = "tanh"}, step_norm, linear}},
      {"mean", {nn::IndRNN{.size = 32}, nn::MeanOverTime{}, nn::LayerNorm{}, linear}},
      {"bidirectional", {nn::Bidirectional{{nn::BatchNorm{}, nn::IndRNN{.size = 20}}}, linear}, false, false},
      {"zoneout", {nn::IndRNN{.size = 32, .activation = "tanh", .zoneout = 0.3}, linear}},
  };
}

class CudaStorageRounded : public ::testing::TestWithParam<Stack> {};

TEST_P(CudaStorageRounded, IsNearTheCpusFloat32) {
  Case all = case_of(GetParam());
  all.time_steps = 37;
  all.batch = 9;
  all.input_size = 6;
  in_all_modes(all, GetParam(),
               [](const Case& each) { expect_near(run_case(each, "cuda"), run_case(each, "cpu")); });
}

// More than two times as many steps as are read ahead.
TEST(CudaStorage, ManyStepsAreNearTheCpusFloat32) {
  indrnn_cuda_register();
  Case each{.name = "long",
            .layers = {nn::IndRNN{.size = 6, .init_low = -0.9, .init_high = 0.9}},
            .time_steps = 133,
            .batch = 3,
            .dtype = DType::float32,
            .storage = "bfloat16"};
  for (const char* scan : {"never", "always"}) {
    setenv("INDRNN_CUDA_SCAN", scan, 1);
    for (bool resets : {false, true}) {
      each.resets = resets;
      expect_near(run_case(each, "cuda"), run_case(each, "cpu"));
    }
  }
  unsetenv("INDRNN_CUDA_SCAN");
}

TEST_P(CudaStorageRounded, GivesTheSameBitsEachTime) {
  indrnn_cuda_register();
  Case each = case_of(GetParam());
  each.time_steps = 70;
  each.lengths = true;
  expect_same(run_case(each, "cuda"), run_case(each, "cuda"), 0.0);
}

INSTANTIATE_TEST_SUITE_P(Stacks, CudaStorageRounded, ::testing::ValuesIn(rounded_stacks()), name_of);

TEST(CudaStorage, NothingToDoIsFine) {
  indrnn_cuda_register();
  for (auto [time_steps, batch] : {std::pair{0, 3}, std::pair{4, 0}}) {
    const Case each{.name = "empty",
                    .layers = {nn::IndRNN{.size = 5}, nn::LastStep{}, nn::Linear{.size = 2}},
                    .time_steps = time_steps,
                    .batch = batch,
                    .dtype = DType::float32,
                    .storage = "bfloat16"};
    expect_same(run_case(each, "cuda"), run_case(each, "cpu"), 0.0);
  }
}

TEST(CudaStorage, HalvesTheWorkspace) {
  setenv("INDRNN_CUDA_SCAN", "never", 1);
  std::vector<nn::LayerSpec> layers(6, nn::IndRNN{.size = 128});
  layers.push_back(nn::LastStep{});
  Network network = cuda_network(layers, 1);
  const auto bytes = [&] { return static_cast<double>(network.workspace_bytes(784, 32, true, true)); };
  const double full = bytes();
  network.set_storage("bfloat16");
  EXPECT_LT(bytes() / full, 0.52);  // states and sums stay as they are
  network.set_storage("full");
  EXPECT_EQ(bytes(), full);
  unsetenv("INDRNN_CUDA_SCAN");
}

// z, h, dh and dz are half as many bytes; what belongs to a column is not.
TEST(CudaStorage, HalvesWhatARecurrenceMoves) {
  setenv("INDRNN_CUDA_SCAN", "never", 1);
  constexpr std::int64_t time_steps = 48, batch = 4, hidden = 128;
  constexpr std::uint64_t sequence = time_steps * batch * hidden * 2, column = batch * hidden * 4;
  const Case each{.name = "counted",
                  .layers = std::vector<nn::LayerSpec>(2, nn::IndRNN{.size = hidden}),
                  .time_steps = time_steps,
                  .batch = batch,
                  .dtype = DType::float32,
                  .storage = "bfloat16"};
  indrnn_cuda_register();
  run_case(each, "cuda");
  emulation::reset_counters();
  run_case(each, "cuda");  // two forwards and backwards of two layers
  const auto& forward = emulation::counters()["recurrence_forward"];
  EXPECT_EQ(forward.bytes_read, 4 * (sequence + 3 * column));
  EXPECT_EQ(forward.bytes_written, 4 * (sequence + column));
  const auto& backward = emulation::counters()["recurrence_backward"];
  EXPECT_EQ(backward.bytes_read, 4 * (2 * sequence + 3 * column));
  EXPECT_EQ(backward.bytes_written, 4 * (sequence + column + 4 * column));
  unsetenv("INDRNN_CUDA_SCAN");
}

TEST(CudaStorage, IsChosenAndTakenBack) {
  Network network = cuda_network({nn::IndRNN{.size = 5}, nn::Linear{.size = 2}}, 3);
  EXPECT_EQ(network.storage(), "full");
  Tensor x({4, 2, 3}, DType::float32), y({4, 2, 2}, DType::float32);
  std::mt19937_64 random(1);
  fill_random(x, random);
  const auto run = [&] {
    network.forward(x.view(), y.view(), {.training = true});
    return to_doubles(y);
  };
  const std::vector<double> full = run();
  network.set_storage("bfloat16");
  EXPECT_EQ(network.storage(), "bfloat16");
  EXPECT_THROW(network.backward(y.view()), InvalidArgument);  // its forward was another network's
  EXPECT_NE(run(), full);
  network.backward(y.view());
  network.set_storage("full");
  EXPECT_EQ(run(), full);
}

void expect_refused(Network& network, const std::string& storage, const std::string& text) {
  try {
    network.set_storage(storage);
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find(text), std::string::npos) << error.what();
  }
  EXPECT_EQ(network.storage(), "full");
}

TEST(CudaStorage, WhatIsMissingIsSaid) {
  const std::vector<nn::LayerSpec> layers{nn::IndRNN{.size = 5}};
  indrnn_cuda_register();
  Network on_cpu = Network::create(layers, {.input_size = 2});
  expect_refused(on_cpu, "bfloat16", "needs a network on a GPU");
  expect_refused(on_cpu, "half", "'full' or 'bfloat16'");
  Network network = cuda_network(layers, 2);
  Network in_double = Network::create(layers, {.input_size = 2, .dtype = DType::float64, .device = "cuda"});
  expect_refused(in_double, "bfloat16", "needs dtype float32");
  emulation::options().capability = 75;
  expect_refused(network, "bfloat16", "compute capability 8.0");
  emulation::options().capability = 80;
}

}  // namespace
}  // namespace indrnn::testing
