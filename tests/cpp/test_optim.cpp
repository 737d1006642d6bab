#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "indrnn/error.hpp"
#include "indrnn/network.hpp"
#include "indrnn/optim.hpp"
#include "indrnn/threads.hpp"

namespace indrnn {
namespace {

// More weights than one block holds, and parameters of every kind that is treated differently.
Network make_network(DType dtype) {
  const std::vector<nn::LayerSpec> layers = {nn::IndRNN{.size = 200}, nn::BatchNorm{}, nn::LastStep{},
                                             nn::Linear{.size = 10}};
  return Network::create(layers, {.input_size = 300, .dtype = dtype, .seed = 3});
}

bool decays(const std::string& name) { return !name.ends_with(".bias") && !name.ends_with(".weight_hh"); }

// The optimizers' formulas, element by element in float64, with what they remember.
struct Reference {
  struct Parameter {
    bool decayed;
    std::vector<double> weight, first, second;
  };
  std::vector<Parameter> parameters;

  template <class T>
  static Reference from(Network& network) {
    Reference reference;
    for (const NamedView& view : network.named_parameters()) {
      const T* data = view.view.as<T>();
      const auto count = static_cast<std::size_t>(view.view.shape.elements());
      reference.parameters.push_back({decays(view.name), std::vector<double>(data, data + count),
                                      std::vector<double>(count, 0.0), std::vector<double>(count, 0.0)});
    }
    return reference;
  }

  // Calls update(parameter, element, gradient).
  template <class T, class Update>
  void step(Network& network, const Update& update) {
    const auto gradients = network.named_gradients();
    for (std::size_t p = 0; p < parameters.size(); ++p)
      for (std::size_t i = 0; i < parameters[p].weight.size(); ++i)
        update(parameters[p], i, static_cast<double>(gradients[p].view.as<T>()[i]));
  }

  template <class T>
  void expect_equal(Network& network, double tolerance) const {
    const auto views = network.named_parameters();
    ASSERT_EQ(views.size(), parameters.size());
    for (std::size_t p = 0; p < parameters.size(); ++p)
      for (std::size_t i = 0; i < parameters[p].weight.size(); ++i)
        ASSERT_NEAR(views[p].view.as<T>()[i], parameters[p].weight[i], tolerance)
            << views[p].name << " " << i;
  }
};

template <class T>
class Optim : public ::testing::Test {
 protected:
  static constexpr double tolerance = std::is_same_v<T, float> ? 2e-6 : 1e-13;

  void draw_gradients(Network& network, double deviation = 0.1) {
    std::normal_distribution<double> distribution(0.0, deviation);
    const TensorView gradients = network.gradients();
    for (std::int64_t i = 0; i < gradients.shape.elements(); ++i)
      gradients.as<T>()[i] = static_cast<T>(distribution(random_));
  }

  std::mt19937_64 random_{11};
};

using Floats = ::testing::Types<float, double>;
TYPED_TEST_SUITE(Optim, Floats);

TYPED_TEST(Optim, adam_follows_its_formula) {
  using T = TypeParam;
  for (bool decoupled : {false, true}) {
    for (double weight_decay : {0.0, 0.05}) {
      Network network = make_network(dtype_of<T>);
      optim::AdamOptions options{.lr = 1e-2, .weight_decay = weight_decay, .decoupled = decoupled};
      optim::Adam adam(network, options);
      Reference reference = Reference::from<T>(network);
      for (int n = 1; n <= 5; ++n) {
        if (n == 4) adam.options.lr = options.lr = 3e-3;
        this->draw_gradients(network);
        adam.step();
        EXPECT_EQ(adam.steps, n);
        reference.step<T>(network, [&](Reference::Parameter& p, std::size_t i, double g) {
          const double decay = p.decayed ? weight_decay : 0.0;
          double& w = p.weight[i];
          if (decoupled)
            w -= options.lr * decay * w;
          else
            g += decay * w;
          p.first[i] = options.beta1 * p.first[i] + (1 - options.beta1) * g;
          p.second[i] = options.beta2 * p.second[i] + (1 - options.beta2) * g * g;
          const double mean = p.first[i] / (1 - std::pow(options.beta1, n));
          const double deviation = std::sqrt(p.second[i] / (1 - std::pow(options.beta2, n)));
          w -= options.lr * mean / (deviation + options.epsilon);
        });
        reference.expect_equal<T>(network, this->tolerance * n);
      }
      EXPECT_EQ(adam.first_moment().shape, network.parameters().shape);
      EXPECT_EQ(adam.second_moment().dtype, dtype_of<T>);
    }
  }
}

TYPED_TEST(Optim, sgd_follows_its_formula) {
  using T = TypeParam;
  for (double momentum : {0.0, 0.9}) {
    for (bool nesterov : {false, true}) {
      Network network = make_network(dtype_of<T>);
      const optim::SgdOptions options{
          .lr = 0.05, .momentum = momentum, .weight_decay = 0.02, .nesterov = nesterov};
      optim::Sgd sgd(network, options);
      Reference reference = Reference::from<T>(network);
      for (int n = 1; n <= 4; ++n) {
        this->draw_gradients(network);
        sgd.step();
        reference.step<T>(network, [&](Reference::Parameter& p, std::size_t i, double g) {
          double& w = p.weight[i];
          g += (p.decayed ? options.weight_decay : 0.0) * w;
          p.first[i] = momentum * p.first[i] + g;
          w -= options.lr * (nesterov ? g + momentum * p.first[i] : p.first[i]);
        });
        reference.expect_equal<T>(network, this->tolerance * n);
      }
    }
  }
}

TYPED_TEST(Optim, same_bits_for_any_number_of_threads) {
  using T = TypeParam;
  const int before = num_threads();
  std::vector<std::vector<T>> results;
  std::vector<double> norms;
  for (int threads : {1, 2, 5}) {
    set_num_threads(threads);
    this->random_.seed(4);
    Network network = make_network(dtype_of<T>);
    optim::Adam adam(network, {.weight_decay = 0.01});
    optim::Sgd sgd(network, {.momentum = 0.9});
    for (int n = 0; n < 3; ++n) {
      this->draw_gradients(network);
      norms.push_back(optim::clip_gradients_by_norm(network, 1.0));
      adam.step();
      sgd.step();
    }
    const TensorView parameters = network.parameters();
    results.emplace_back(parameters.as<T>(), parameters.as<T>() + parameters.shape.elements());
  }
  set_num_threads(before);
  for (const auto& result : results)
    EXPECT_EQ(std::memcmp(result.data(), results[0].data(), result.size() * sizeof(T)), 0);
  for (std::size_t i = 3; i < norms.size(); ++i) EXPECT_EQ(norms[i], norms[i % 3]);
}

TYPED_TEST(Optim, moments_can_be_carried_into_another_optimizer) {
  using T = TypeParam;
  Network network = make_network(dtype_of<T>), other = make_network(dtype_of<T>);
  optim::Adam adam(network), resumed(other);
  this->draw_gradients(network);
  adam.step();
  const std::size_t bytes = static_cast<std::size_t>(network.parameters().shape.elements()) * sizeof(T);
  std::memcpy(other.parameters().data, network.parameters().data, bytes);
  std::memcpy(resumed.first_moment().data, adam.first_moment().data, bytes);
  std::memcpy(resumed.second_moment().data, adam.second_moment().data, bytes);
  resumed.steps = adam.steps;
  this->draw_gradients(network);
  std::memcpy(other.gradients().data, network.gradients().data, bytes);
  adam.step();
  resumed.step();
  EXPECT_EQ(std::memcmp(other.parameters().data, network.parameters().data, bytes), 0);
}

TYPED_TEST(Optim, clipping_by_value_bounds_every_gradient_and_keeps_nan) {
  using T = TypeParam;
  Network network = make_network(dtype_of<T>);
  this->draw_gradients(network, 1.0);
  const TensorView gradients = network.gradients();
  T* data = gradients.as<T>();
  std::vector<T> before(data, data + gradients.shape.elements());
  before[0] = data[0] = std::numeric_limits<T>::infinity();
  data[1] = std::numeric_limits<T>::quiet_NaN();
  optim::clip_gradients_by_value(network, 0.5);
  EXPECT_EQ(data[0], T(0.5));
  EXPECT_TRUE(std::isnan(data[1]));
  for (std::size_t i = 2; i < before.size(); ++i) ASSERT_EQ(data[i], std::clamp(before[i], T(-0.5), T(0.5)));
}

TYPED_TEST(Optim, clipping_by_norm_scales_only_what_is_too_long) {
  using T = TypeParam;
  Network network = make_network(dtype_of<T>);
  this->draw_gradients(network);
  const TensorView gradients = network.gradients();
  T* data = gradients.as<T>();
  const std::vector<T> before(data, data + gradients.shape.elements());
  long double squares = 0;
  for (T g : before) squares += static_cast<long double>(g) * g;
  const double want = static_cast<double>(std::sqrt(squares));
  EXPECT_NEAR(optim::clip_gradients_by_norm(network, want * 1.01), want, want * 1e-12);
  EXPECT_EQ(std::memcmp(data, before.data(), before.size() * sizeof(T)), 0);
  EXPECT_NEAR(optim::clip_gradients_by_norm(network, want / 4), want, want * 1e-12);
  for (std::size_t i = 0; i < before.size(); ++i) ASSERT_NEAR(data[i], before[i] / 4, this->tolerance);
}

TYPED_TEST(Optim, norm_of_huge_float32_gradients_does_not_overflow) {
  using T = TypeParam;
  Network network = make_network(dtype_of<T>);
  network.zero_gradients();
  network.gradients().template as<T>()[0] = T(3e30);
  network.gradients().template as<T>()[1] = T(4e30);
  EXPECT_NEAR(optim::clip_gradients_by_norm(network, 1.0), 5e30, 1e25);
  EXPECT_NEAR(network.gradients().template as<T>()[1], 0.8, 1e-6);
}

TYPED_TEST(Optim, norm_that_is_not_finite_is_returned_and_changes_nothing) {
  using T = TypeParam;
  for (T bad : {std::numeric_limits<T>::quiet_NaN(), std::numeric_limits<T>::infinity()}) {
    Network network = make_network(dtype_of<T>);
    this->draw_gradients(network);
    T* data = network.gradients().template as<T>();
    const T second = data[1];
    data[0] = bad;
    EXPECT_FALSE(std::isfinite(optim::clip_gradients_by_norm(network, 1.0)));
    EXPECT_EQ(data[1], second);
  }
}

TYPED_TEST(Optim, recurrent_weights_alone_are_bounded) {
  using T = TypeParam;
  Network network = make_network(dtype_of<T>);
  for (const NamedView& parameter : network.named_parameters())
    for (std::int64_t i = 0; i < parameter.view.shape.elements(); ++i)
      parameter.view.as<T>()[i] = i % 2 == 0 ? T(3) : T(-3);
  optim::constrain_recurrent(network, 1.25);
  for (const NamedView& parameter : network.named_parameters()) {
    const T size = parameter.name.ends_with(".weight_hh") ? T(1.25) : T(3);
    for (std::int64_t i = 0; i < parameter.view.shape.elements(); ++i)
      ASSERT_EQ(parameter.view.as<T>()[i], i % 2 == 0 ? size : -size) << parameter.name;
  }
}

template <class Function>
std::string refusal(Function&& function) {
  try {
    function();
  } catch (const InvalidArgument& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(OptimErrors, options_out_of_range_are_named) {
  Network network = make_network(DType::float32);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(refusal([&] { optim::Adam(network, {.lr = -1}); }),
            "[adam] lr must be a finite number >= 0, got -1");
  EXPECT_EQ(refusal([&] { optim::Adam(network, {.lr = nan}); }),
            "[adam] lr must be a finite number >= 0, got nan");
  EXPECT_EQ(refusal([&] { optim::Adam(network, {.beta1 = 1}); }), "[adam] beta1 must be in [0, 1), got 1");
  EXPECT_EQ(refusal([&] { optim::Adam(network, {.beta2 = -0.5}); }),
            "[adam] beta2 must be in [0, 1), got -0.5");
  EXPECT_EQ(refusal([&] { optim::Adam(network, {.weight_decay = -0.1}); }),
            "[adam] weight_decay must be a finite number >= 0, got -0.1");
  EXPECT_EQ(refusal([&] { optim::Sgd(network, {.momentum = 1.5}); }),
            "[sgd] momentum must be in [0, 1), got 1.5");
  EXPECT_EQ(refusal([&] { optim::clip_gradients_by_norm(network, -2); }),
            "[clip_gradients] norm must be a finite number >= 0, got -2");
  EXPECT_EQ(refusal([&] { optim::clip_gradients_by_value(network, nan); }),
            "[clip_gradients] value must be a finite number >= 0, got nan");
  EXPECT_EQ(refusal([&] { optim::constrain_recurrent(network, -1); }),
            "[constrain_recurrent] bound must be a finite number >= 0, got -1");
  optim::Adam adam(network);
  adam.options.lr = nan;
  EXPECT_NE(refusal([&] { adam.step(); }).find("lr"), std::string::npos);
  EXPECT_EQ(adam.steps, 0);
}

}  // namespace
}  // namespace indrnn
