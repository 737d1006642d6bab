// Losses, optimizers and clipping on the device as on the CPU; a training step captured and launched again.
#include <functional>

#include "compare.hpp"

namespace indrnn::testing {
namespace {

// A host array, copied to the device.
std::shared_ptr<void> on_device(DeviceContext& context, const void* host, std::size_t bytes) {
  auto memory = context.allocate(bytes);
  context.upload(host, memory.get(), bytes);
  return memory;
}

std::shared_ptr<void> on_device(DeviceContext& context, const Tensor& host) {
  return on_device(context, host.data<void>(), host.bytes());
}

double read_double(DeviceContext& context, const void* device) {
  double value = 0.0;
  context.download(device, &value, sizeof(value));
  return value;
}

void expect_near(const Tensor& found, const Tensor& wanted, double tolerance) {
  const std::vector<double> a = to_doubles(found), b = to_doubles(wanted);
  for (std::size_t i = 0; i < b.size(); ++i) ASSERT_NEAR(a[i], b[i], tolerance) << i;
}

class CudaLosses : public ::testing::TestWithParam<std::tuple<DType, bool, std::int64_t>> {
 protected:
  CudaLosses() {
    for (std::int64_t row = 0; row < rows; ++row) {
      mask.push_back(row % 3 == 1 ? 0 : 1);
      targets.push_back(row * 7 % features());
    }
    values = Tensor({rows, features()}, dtype());
    others = values;
    expected = values;
    found = values;
    fill_random(values, random);
    fill_random(others, random);
  }
  DType dtype() const { return std::get<0>(GetParam()); }
  bool masked() const { return std::get<1>(GetParam()); }
  std::int64_t features() const { return std::get<2>(GetParam()); }
  double tolerance() const { return dtype() == DType::float32 ? 1e-6 : 1e-13; }
  ConstTensorView mask_view() const {
    return masked() ? ConstTensorView{mask.data(), Shape{rows}} : ConstTensorView{};
  }

  static constexpr std::int64_t rows = 700;
  std::mt19937_64 random{1};
  std::vector<std::uint8_t> mask;
  std::vector<std::int64_t> targets;
  Tensor values, others, expected, found;
  Network network = cuda_network({nn::Linear{.size = 1}}, 1);
  std::shared_ptr<DeviceContext> context = network.context();
};

TEST_P(CudaLosses, SoftmaxCrossEntropy) {
  const double loss = losses::softmax_cross_entropy(
      values.view(), ConstTensorView{targets.data(), Shape{rows}}, mask_view(), expected.view());
  const auto logits = on_device(*context, values), gradient = on_device(*context, found);
  const auto device_targets = on_device(*context, targets.data(), targets.size() * sizeof(std::int64_t));
  const auto device_mask = on_device(*context, mask.data(), mask.size());
  const auto device_loss = context->allocate(sizeof(double));
  for (void* into : {gradient.get(), logits.get()}) {  // the second time in place
    context->softmax_cross_entropy(
        {.dtype = dtype(),
         .rows = rows,
         .classes = features(),
         .logits = logits.get(),
         .targets = static_cast<const std::int64_t*>(device_targets.get()),
         .mask = masked() ? static_cast<const std::uint8_t*>(device_mask.get()) : nullptr,
         .gradient = into,
         .loss = static_cast<double*>(device_loss.get())});
    EXPECT_NEAR(read_double(*context, device_loss.get()), loss, 10 * tolerance());
    context->download(into, found.data<void>(), found.bytes());
    expect_near(found, expected, tolerance());
  }
}

TEST_P(CudaLosses, MeanSquaredError) {
  const double loss = losses::mean_squared_error(values.view(), others.view(), mask_view(), expected.view());
  const auto prediction = on_device(*context, values), target = on_device(*context, others);
  const auto gradient = on_device(*context, found),
             device_mask = on_device(*context, mask.data(), mask.size());
  const auto device_loss = context->allocate(sizeof(double));
  context->mean_squared_error(
      {.dtype = dtype(),
       .rows = rows,
       .features = features(),
       .prediction = prediction.get(),
       .target = target.get(),
       .mask = masked() ? static_cast<const std::uint8_t*>(device_mask.get()) : nullptr,
       .gradient = gradient.get(),
       .loss = static_cast<double*>(device_loss.get())});
  EXPECT_NEAR(read_double(*context, device_loss.get()), loss, 10 * tolerance() * std::max(1.0, loss));
  context->download(gradient.get(), found.data<void>(), found.bytes());
  expect_near(found, expected, tolerance());
}

INSTANTIATE_TEST_SUITE_P(Kinds, CudaLosses,
                         ::testing::Combine(::testing::Values(DType::float64, DType::float32),
                                            ::testing::Bool(), ::testing::Values(1, 10, 33, 1500)));

// Parameters after some steps of forward, backward and `update` on a device.
using Update = std::function<std::function<void()>(Network&)>;
Outcome train(const Case& each, const std::string& device, const Update& update) {
  Network network = make_case_network(each, device);
  CaseArrays arrays(each, network);
  const std::function<void()> step = update(network);
  for (int i = 0; i < 3; ++i) {
    network.zero_gradients();
    network.forward(arrays.x.view(), arrays.y.view(), arrays.state, arrays.options);
    network.backward(arrays.dy.view());
    step();
  }
  return {{{"parameters", to_doubles(to_host(network, network.parameters()))}}};
}

TEST(CudaOptimizers, AreTheCpus) {
  indrnn_cuda_register();
  const std::vector<std::pair<const char*, Update>> updates = {
      {"adam",
       [](Network& network) {
         auto adam =
             std::make_shared<optim::Adam>(network, optim::AdamOptions{.lr = 0.1, .weight_decay = 0.2});
         return [adam] { adam->step(); };
       }},
      {"adamw",
       [](Network& network) {
         auto adam = std::make_shared<optim::Adam>(
             network, optim::AdamOptions{.lr = 0.1, .weight_decay = 0.2, .decoupled = true});
         return [adam] { adam->step(); };
       }},
      {"sgd",
       [](Network& network) {
         auto sgd = std::make_shared<optim::Sgd>(network, optim::SgdOptions{.lr = 0.01, .weight_decay = 0.1});
         return [sgd] { sgd->step(); };
       }},
      {"momentum, clipped and bounded",
       [](Network& network) {
         auto sgd = std::make_shared<optim::Sgd>(
             network, optim::SgdOptions{.lr = 0.1, .momentum = 0.9, .nesterov = true});
         return [sgd, &network] {
           EXPECT_GT(optim::clip_gradients_by_norm(network, 0.5), 0.5);
           EXPECT_LT(optim::clip_gradients_by_norm(network, 0.5), 0.5001);
           optim::clip_gradients_by_value(network, 0.1);
           sgd->step();
           optim::constrain_recurrent(network, 0.4);
         };
       }},
  };
  Case each{.name = "optimizers",
            .layers = {nn::IndRNN{.size = 40}, nn::Dropout{.p = 0.3}, nn::Linear{.size = 3}}};
  for (const auto& [name, update] : updates) {
    for (DType dtype : {DType::float64, DType::float32}) {
      SCOPED_TRACE(name);
      each.dtype = dtype;
      expect_same(train(each, "cuda", update), train(each, "cpu", update),
                  dtype == DType::float32 ? 1e-4 : 1e-11);
    }
  }
}

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

// Values of 12 000 features, so that windows are short.
TEST(CudaRecompute, IsTheCpus) {
  Case each{.name = "recompute",
            .layers = {nn::Linear{.size = 6000}, nn::Linear{.size = 5},
                       nn::IndRNN{.size = 6000, .activation = "tanh"}, nn::Dropout{.p = 0.2},
                       nn::TimeDifference{}, nn::BatchNorm{.mode = "step", .time_steps = 2000},
                       nn::IndRNN{.size = 2, .activation = "tanh", .zoneout = 0.1}, nn::MeanOverTime{},
                       nn::Linear{.size = 2}},
            .time_steps = 130,
            .batch = 3,
            .lengths = true,
            .memory = "recompute"};
  expect_as_cpu(each);
  each.dtype = DType::float64;
  const std::string plan = make_case_network(each, "cuda").describe_plan(each.time_steps, each.batch, true);
  EXPECT_EQ(plan.find("\"windows\":1,"), std::string::npos) << plan;
}

}  // namespace
}  // namespace indrnn::testing
