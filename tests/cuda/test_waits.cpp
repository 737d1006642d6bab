// When the host waits for the device, and when memory is allocated: counted on the emulated device, which runs what is
// queued when somebody waits for it, and not before.
#include <utility>

#include "compare.hpp"
#include "counters.hpp"
#include "options.hpp"

namespace indrnn::testing {
namespace {

constexpr std::int64_t time_steps = 5, batch = 3, classes = 4;
constexpr std::size_t x_bytes = time_steps * batch * 2 * 4, y_bytes = batch * classes * 4;

// Those that ran.
std::uint64_t launches() {
  std::uint64_t sum = 0;
  for (const auto& [name, counts] : emulation::counters())
    sum += name == "graph" ? 0 : counts.launches.load();
  return sum;
}

class CudaWaits : public ::testing::Test {
 protected:
  CudaWaits() : usual(std::exchange(emulation::options().progress, emulation::Progress::lazy)) {
    const std::vector<std::int64_t> host_targets = {0, 3, 1};
    targets = on_device(*context, host_targets.data(), host_targets.size() * 8);
  }
  ~CudaWaits() override {
    context->synchronize();
    emulation::options().progress = usual;
  }

  // As a loop in Python does: all that a step gives is new, and what the step before gave is dropped.
  void step(const void* x) {
    network.zero_gradients();
    DeviceState state = network.device_state(batch), dstate = network.device_state(batch);
    std::shared_ptr<void> y = context->allocate_unset(y_bytes), dy = context->allocate_unset(y_bytes);
    const std::shared_ptr<void> loss = context->allocate_unset(8), norm = context->allocate_unset(8);
    network.forward({x, Shape{time_steps, batch, 2}, DType::float32},
                    {y.get(), Shape{batch, classes}, DType::float32}, state, {.training = true});
    context->softmax_cross_entropy({.rows = batch,
                                    .classes = classes,
                                    .logits = y.get(),
                                    .targets = static_cast<const std::int64_t*>(targets.get()),
                                    .gradient = dy.get(),
                                    .loss = static_cast<double*>(loss.get())});
    network.backward({dy.get(), Shape{batch, classes}, DType::float32}, {}, dstate);
    context->clip_by_norm(DType::float32, network.gradients().data, network.gradients().shape.elements(), 1.0,
                          static_cast<double*>(norm.get()));
    adam.step();
    last_y = y;
  }
  void step() { step(context->allocate(x_bytes).get()); }

  // Of all that was called since the last reset.
  static void expect_no_waits() {
    for (const auto& [name, count] : emulation::calls()) EXPECT_EQ(count, 0U) << name;
    EXPECT_EQ(launches(), 0U) << "something waited for the device";
  }

  Network network = cuda_network(
      {nn::IndRNN{.size = 6}, nn::Dropout{.p = 0.3}, nn::LastStep{}, nn::Linear{.size = classes}}, 2);
  std::shared_ptr<DeviceContext> context = network.context();
  optim::Adam adam{network};
  std::shared_ptr<void> targets, last_y;
  emulation::Progress usual;
};

TEST_F(CudaWaits, ALoopOnTheDeviceNeitherAllocatesNorWaits) {
  for (int i = 0; i < 3; ++i) step();
  context->synchronize();
  emulation::reset_counters();
  for (int i = 0; i < 7; ++i) step();
  expect_no_waits();
  context->synchronize();
  EXPECT_GE(launches(), 7U * 12U);
}

TEST_F(CudaWaits, NorDoesOneBetweenLaunchesOfCapturedWork) {
  step();
  const std::shared_ptr<void> kept = context->allocate(64), copy = context->allocate(64);
  context->begin_capture();
  adam.step();
  const auto work = context->end_capture();
  work->launch();
  for (int i = 0; i < 2; ++i) step();
  context->synchronize();
  emulation::reset_counters();
  for (int i = 0; i < 7; ++i) step();
  work->launch();
  expect_no_waits();
}

// The host may be so many calls ahead that numbers of later ones must not take the place of earlier ones'.
TEST_F(CudaWaits, NumbersOfCallsAheadAreKept) {
  Network slow = cuda_network({nn::IndRNN{.size = 6}}, 2), fast = cuda_network({nn::IndRNN{.size = 6}}, 2);
  optim::Adam slow_adam(slow), fast_adam(fast);
  for (Network* each : {&slow, &fast}) {
    each->context()->copy(each->parameters().data, each->gradients().data,
                          static_cast<std::size_t>(each->gradients().shape.elements()) * 4);
  }
  for (int i = 0; i < 30; ++i) {
    slow_adam.options.lr = fast_adam.options.lr = 0.1 / (1 + i % 7);
    slow_adam.step();
    slow.context()->synchronize();
    fast_adam.step();
  }
  EXPECT_EQ(to_doubles(to_host(slow, slow.parameters())), to_doubles(to_host(fast, fast.parameters())));
}

TEST_F(CudaWaits, AHostInputIsWaitedForAndNotWhatIsComputedFromIt) {
  const std::vector<float> x(time_steps * batch * 2, 0.5F);
  const std::vector<float> large(2 * 1024 * 1024, 0.5F);
  for (int i = 0; i < 2; ++i) step(x.data());
  const std::shared_ptr<void> on_device = context->allocate(large.size() * 4);
  context->upload(large.data(), on_device.get(), large.size() * 4);
  context->synchronize();
  emulation::reset_counters();
  step(x.data());
  // Too much for what is left of the pinned memory: the copy of x must be through, and nothing behind it.
  context->upload(large.data(), on_device.get(), large.size() * 4);
  EXPECT_EQ(emulation::calls()["cudaEventSynchronize"], 1U);
  EXPECT_EQ(emulation::counters()["recurrence_forward"].launches, 0U);
  context->synchronize();
  EXPECT_EQ(emulation::counters()["recurrence_forward"].launches, 1U);
}

}  // namespace
}  // namespace indrnn::testing
