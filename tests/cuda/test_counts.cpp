// What docs/cuda.md says of launches and bytes, counted on the emulated device.
#include <cstdlib>
#include <utility>

#include "compare.hpp"
#include "counters.hpp"
#include "options.hpp"

namespace indrnn::testing {
namespace {

constexpr std::int64_t time_steps = 48, batch = 4, hidden = 128;

class CudaCounts : public ::testing::Test {
 protected:
  void SetUp() override {
    setenv("INDRNN_CUDA_SCAN", "never", 1);
    indrnn_cuda_register();
    std::vector<nn::LayerSpec> layers(6, nn::IndRNN{.size = hidden});
    layers.push_back(nn::LastStep{});
    layers.push_back(nn::Linear{.size = 10});
    network = std::make_unique<Network>(Network::create(layers, {.input_size = 1, .device = "cuda"}));
    context = network->context();
    adam = std::make_unique<optim::Adam>(*network);
    x = context->allocate(time_steps * batch * 4);
    y = context->allocate(batch * 10 * 4);
    dy = context->allocate(batch * 10 * 4);
    targets = context->allocate(batch * 8);
    loss = context->allocate(8);
    step();  // plans and tables are made
    context->synchronize();
    emulation::reset_counters();
    step();
    context->synchronize();
  }
  void TearDown() override { unsetenv("INDRNN_CUDA_SCAN"); }

  void step() {
    network->zero_gradients();
    network->forward({x.get(), Shape{time_steps, batch, 1}, DType::float32},
                     {y.get(), Shape{batch, 10}, DType::float32}, {.training = true});
    context->softmax_cross_entropy({.rows = batch,
                                    .classes = 10,
                                    .logits = y.get(),
                                    .targets = static_cast<const std::int64_t*>(targets.get()),
                                    .gradient = dy.get(),
                                    .loss = static_cast<double*>(loss.get())});
    network->backward({dy.get(), Shape{batch, 10}, DType::float32});
    adam->step();
  }

  std::unique_ptr<Network> network;
  std::shared_ptr<DeviceContext> context;
  std::unique_ptr<optim::Adam> adam;
  std::shared_ptr<void> x, y, dy, targets, loss;
};

TEST_F(CudaCounts, ATrainingStepOfSixLayersNeedsFewLaunches) {
  std::uint64_t launches = 0;
  std::string list;
  for (const auto& [name, counts] : emulation::counters()) {
    launches += counts.launches;
    list += name + " " + std::to_string(counts.launches) + ", ";
  }
  EXPECT_LE(launches, 60U) << list;
  EXPECT_EQ(emulation::counters()["recurrence_forward"].launches, 6U);
  EXPECT_EQ(emulation::counters()["recurrence_backward"].launches, 6U);
}

TEST_F(CudaCounts, TheRecurrenceMovesEachNumberOnce) {
  constexpr std::uint64_t sequence = time_steps * batch * hidden * sizeof(float);
  constexpr std::uint64_t column = batch * hidden * sizeof(float);
  const auto& forward = emulation::counters()["recurrence_forward"];
  EXPECT_EQ(forward.bytes_read, 6 * (sequence + 3 * column));  // z; u, bias and the state before
  EXPECT_EQ(forward.bytes_written, 6 * (sequence + column));   // h; the state behind
  const auto& backward = emulation::counters()["recurrence_backward"];
  EXPECT_EQ(backward.bytes_read,
            6 * (2 * sequence + 3 * column));  // dh, h; u, the state before and its gradient
  EXPECT_EQ(backward.bytes_written,
            6 * (sequence + column + 4 * column));  // dz; the gradient; du, dbias in float64
}

TEST_F(CudaCounts, WithStatesOnTheDeviceNothingWaits) {
  // The device runs what is queued when somebody waits for it, and not before.
  const emulation::Progress usual = std::exchange(emulation::options().progress, emulation::Progress::lazy);
  const auto launches = [] {
    std::uint64_t sum = 0;
    for (const auto& [name, counts] : emulation::counters()) sum += counts.launches;
    return sum;
  };
  const ConstTensorView gradient{dy.get(), Shape{batch, 10}, DType::float32};
  DeviceState state = network->device_state(batch), dstate = network->device_state(batch);
  context->synchronize();
  emulation::reset_counters();
  network->forward({x.get(), Shape{time_steps, batch, 1}, DType::float32},
                   {y.get(), Shape{batch, 10}, DType::float32}, state, {.training = true});
  network->backward(gradient, {}, dstate);
  EXPECT_EQ(launches(), 0U);
  context->synchronize();
  EXPECT_GE(launches(), 12U);

  // The counting sees a wait: one for a state on the host.
  State host = network->initial_state(batch);
  emulation::reset_counters();
  network->forward({x.get(), Shape{time_steps, batch, 1}, DType::float32},
                   {y.get(), Shape{batch, 10}, DType::float32}, state, {.training = true});
  network->backward(gradient, {}, &host);
  EXPECT_GE(launches(), 12U);
  emulation::options().progress = usual;
}

TEST_F(CudaCounts, SteadyStateAllocatesNothing) {
  const std::uint64_t before = cuda_emulation_live_bytes(0);
  for (int i = 0; i < 3; ++i) step();
  context->synchronize();
  EXPECT_EQ(cuda_emulation_live_bytes(0), before);
}

}  // namespace
}  // namespace indrnn::testing
