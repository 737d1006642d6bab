// Losses, optimizers and clipping on the device as on the CPU.
#include <functional>

#include "compare.hpp"

namespace indrnn::testing {
namespace {

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

}  // namespace
}  // namespace indrnn::testing
