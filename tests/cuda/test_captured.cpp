// Work that is captured and launched again: the bits of the same calls.
#include "compare.hpp"

namespace indrnn::testing {
namespace {

// Forward, loss, backward and Adam on arrays that lie on the device.
struct DeviceStep {
  explicit DeviceStep(Network& network_) : network(network_), adam(network_, {.lr = 0.05}) {}

  void operator()() {
    network.zero_gradients();
    network.forward({x.get(), Shape{6, batch, 3}, DType::float64}, {y.get(), Shape{batch, 4}, DType::float64},
                    {.training = true});
    context->softmax_cross_entropy({.dtype = DType::float64,
                                    .rows = batch,
                                    .classes = 4,
                                    .logits = y.get(),
                                    .targets = static_cast<const std::int64_t*>(targets.get()),
                                    .gradient = dy.get(),
                                    .loss = static_cast<double*>(loss.get())});
    network.backward({dy.get(), Shape{batch, 4}, DType::float64});
    context->clip_by_norm(DType::float64, network.gradients().data, network.gradients().shape.elements(), 1.0,
                          static_cast<double*>(norm.get()));
    adam.step();
  }

  static constexpr std::int64_t batch = 5;
  Network& network;
  std::shared_ptr<DeviceContext> context = network.context();
  optim::Adam adam;
  Tensor host_x = [] {
    Tensor tensor({6, batch, 3}, DType::float64);
    std::mt19937_64 random(4);
    fill_random(tensor, random);
    return tensor;
  }();
  std::vector<std::int64_t> host_targets = {0, 3, 1, 2, 2};
  std::shared_ptr<void> x = on_device(*context, host_x), y = context->allocate(batch * 4 * 8),
                        dy = context->allocate(batch * 4 * 8), loss = context->allocate(8),
                        norm = context->allocate(8),
                        targets = on_device(*context, host_targets.data(), host_targets.size() * 8);
};

// Dropout draws new masks and Adam counts its steps at each launch; the learning rate may change between launches.
TEST(CudaCapture, LaunchedAgainIsRunAgain) {
  indrnn_cuda_register();
  const Case each{.name = "captured",
                  .layers = {nn::IndRNN{.size = 8}, nn::Dropout{.p = 0.4}, nn::BatchNorm{},
                             nn::IndRNN{.size = 6, .zoneout = 0.2}, nn::LastStep{}, nn::Linear{.size = 4}}};
  Network eager = make_case_network(each, "cuda"), captured = make_case_network(each, "cuda");
  DeviceStep eager_step(eager), captured_step(captured);
  eager_step();
  captured_step();
  captured_step.context->begin_capture();
  captured_step();
  const auto work = captured_step.context->end_capture();
  for (int i = 0; i < 4; ++i) {
    eager_step.adam.options.lr = captured_step.adam.options.lr = 0.05 / (1 + i);
    eager_step();
    if (i == 0) captured_step.adam.options.lr = 0.05;
    work->launch();
    EXPECT_EQ(read_double(*eager_step.context, eager_step.loss.get()),
              read_double(*captured_step.context, captured_step.loss.get()))
        << "launch " << i;
  }
  EXPECT_EQ(eager_step.adam.steps, captured_step.adam.steps);
  EXPECT_EQ(eager.random_state(), captured.random_state());
  EXPECT_EQ(to_doubles(to_host(eager, eager.parameters())),
            to_doubles(to_host(captured, captured.parameters())));
  eager_step();
  captured_step();  // and further calls go on from there
  EXPECT_EQ(to_doubles(to_host(eager, eager.parameters())),
            to_doubles(to_host(captured, captured.parameters())));
}

// A stream: the state stays on the device, and the norm finds the statistics of each further time step.
TEST(CudaCapture, AStateGoesOnFromLaunchToLaunch) {
  indrnn_cuda_register();
  constexpr std::int64_t batch = 2, features = 4;
  const Case each{.name = "stream",
                  .layers = {nn::IndRNN{.size = 8}, nn::BatchNorm{.mode = "step", .time_steps = 6},
                             nn::IndRNN{.size = features}},
                  .batch = batch};
  Network eager = make_case_network(each, "cuda"), captured = make_case_network(each, "cuda");
  for (Network* network : {&eager, &captured}) {  // statistics that differ from step to step
    CaseArrays arrays(each, *network);
    network->forward(arrays.x.view(), arrays.y.view(), {.training = true});
  }
  Tensor x({batch, each.input_size}, DType::float64), y({batch, features}, DType::float64);
  std::mt19937_64 random(8);
  fill_random(x, random);
  const auto context = captured.context();
  const auto device_x = on_device(*context, x), device_y = context->allocate(y.bytes());
  State state = eager.initial_state(batch);
  DeviceState kept = captured.device_state(batch);
  const auto step = [&] {
    captured.step({device_x.get(), x.shape(), DType::float64}, {device_y.get(), y.shape(), DType::float64},
                  kept);
  };
  step();
  eager.step(x.view(), y.view(), state);
  context->begin_capture();
  step();
  const auto work = context->end_capture();
  for (int i = 0; i < 5; ++i) {
    eager.step(x.view(), y.view(), state);
    work->launch();
    EXPECT_EQ(to_doubles(to_host(captured, {device_y.get(), y.shape(), DType::float64})), to_doubles(y));
    EXPECT_EQ(to_doubles(to_host(captured, kept.flat)), to_doubles(state.flat));
    EXPECT_EQ(kept.steps, state.steps);
  }
  EXPECT_THROW(eager.device_state(-1), InvalidArgument);
  EXPECT_THROW(make_case_network(each, "cpu").device_state(batch), InvalidArgument);
}

// Nothing waits in between: a launch must not renew numbers that a call before it has yet to read.
TEST(CudaCapture, LaunchesAndPlainCallsTakeTurns) {
  indrnn_cuda_register();
  const Case each{.name = "turns", .layers = {nn::Linear{.size = 4}}};
  Network plain = make_case_network(each, "cuda"), captured = make_case_network(each, "cuda");
  optim::Adam plain_adam(plain), captured_adam(captured);
  for (Network* network : {&plain, &captured}) {
    network->context()->copy(network->parameters().data, network->gradients().data,
                             static_cast<std::size_t>(network->gradients().shape.elements()) * 8);
  }
  plain_adam.step();
  captured_adam.step();
  std::vector<std::shared_ptr<CapturedWork>> works;
  for (int i = 0; i < 14; ++i) {
    plain_adam.options.lr = captured_adam.options.lr = 0.05 / (1 + i);
    plain_adam.step();
    plain.context()->synchronize();
    if (i < 2) {
      captured.context()->begin_capture();
      captured_adam.step();
      works.push_back(captured.context()->end_capture());
      works.back()->launch();
    } else if (i % 3 == 2) {
      captured_adam.step();
    } else {
      works[static_cast<std::size_t>(i % 3)]->launch();
    }
  }
  EXPECT_EQ(to_doubles(to_host(plain, plain.parameters())),
            to_doubles(to_host(captured, captured.parameters())));
}

TEST(CudaCapture, HostArraysAreRefused) {
  indrnn_cuda_register();
  const Case each{.name = "refused", .layers = {nn::IndRNN{.size = 8}}};
  Network network = make_case_network(each, "cuda");
  CaseArrays arrays(each, network);
  network.forward(arrays.x.view(), arrays.y.view(), arrays.state, {});
  network.context()->begin_capture();
  EXPECT_THROW(network.forward(arrays.x.view(), arrays.y.view(), arrays.state, {}), DeviceError);
}

}  // namespace
}  // namespace indrnn::testing
