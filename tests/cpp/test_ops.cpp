// The recurrence alone, against its formula written as loops.
#include <array>
#include <cmath>
#include <limits>
#include <random>
#include <string>

#include "support.hpp"

namespace indrnn::testing {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

double activate(const std::string& activation, double z) {
  if (activation == "relu") return z > 0 ? z : 0.0;
  if (activation == "tanh") return std::tanh(z);
  if (activation == "sigmoid") return 1.0 / (1.0 + std::exp(-z));
  return z;
}

// h_t = act(z_t + u * h_{t-1}), one element after the other; zero past the length.
Tensor loop_forward(Tensor& z, Tensor& u, Tensor& h0, const std::vector<std::int64_t>& lengths,
                    const std::string& activation) {
  const auto steps = z.shape()[0], batch = z.shape()[1], hidden = z.shape()[2];
  Tensor h(z.shape(), DType::float64);
  for (std::int64_t b = 0; b < batch; ++b) {
    for (std::int64_t f = 0; f < hidden; ++f) {
      double before = h0.data<double>()[b * hidden + f];
      for (std::int64_t t = 0; t < std::min(steps, lengths[static_cast<std::size_t>(b)]); ++t) {
        const auto at = (t * batch + b) * hidden + f;
        before = activate(activation, z.data<double>()[at] + u.data<double>()[f] * before);
        h.data<double>()[at] = before;
      }
    }
  }
  return h;
}

struct Case {
  std::int64_t time_steps, batch, hidden;
};

class Recurrence : public ::testing::TestWithParam<std::tuple<std::string, Case>> {
 protected:
  Recurrence() {
    const auto [time_steps, batch, hidden] = std::get<1>(GetParam());
    z = normal_tensor({time_steps, batch, hidden}, random);
    dh = normal_tensor({time_steps, batch, hidden}, random);
    u = normal_tensor({hidden}, random);
    h0 = normal_tensor({batch, hidden}, random);
    h = Tensor({time_steps, batch, hidden}, DType::float64);
    for (std::int64_t b = 0; b < batch; ++b) lengths.push_back((3 * b + 1) % (time_steps + 1));
  }

  std::string activation() const { return std::get<0>(GetParam()); }
  ConstTensorView lengths_view() const {
    return {lengths.data(), Shape{static_cast<std::int64_t>(lengths.size())}};
  }

  std::mt19937_64 random{11};
  Tensor z, u, h0, h, dh;
  std::vector<std::int64_t> lengths;
};

TEST_P(Recurrence, ForwardIsTheFormula) {
  ops::indrnn_forward(z.view(), u.view(), h0.view(), lengths_view(), activation(), h.view());
  Tensor expected = loop_forward(z, u, h0, lengths, activation());
  expect_close(h.view(), expected.view(), 1e-13, "h");
}

TEST_P(Recurrence, ForwardMayOverwriteItsInput) {
  ops::indrnn_forward(z.view(), u.view(), {}, {}, activation(), h.view());
  ops::indrnn_forward(z.view(), u.view(), {}, {}, activation(), z.view());
  EXPECT_TRUE(same_bits(z.view(), h.view()));
}

TEST_P(Recurrence, BackwardIsTheDerivativeOfForward) {
  ops::indrnn_forward(z.view(), u.view(), h0.view(), lengths_view(), activation(), h.view());
  Tensor dz(z.shape(), DType::float64), du(u.shape(), DType::float64), dh0(h0.shape(), DType::float64);
  ops::indrnn_backward(dh.view(), h.view(), u.view(), h0.view(), lengths_view(), activation(), dz.view(),
                       du.view(), dh0.view());
  const auto functional = [&] {
    ops::indrnn_forward(z.view(), u.view(), h0.view(), lengths_view(), activation(), h.view());
    return dot(h.view(), dh.view());
  };
  Tensor by_z = central_differences(z.view(), functional);
  Tensor by_u = central_differences(u.view(), functional);
  Tensor by_h0 = central_differences(h0.view(), functional);
  expect_close(dz.view(), by_z.view(), 1e-6, "dz");
  expect_close(du.view(), by_u.view(), 1e-6, "du");
  expect_close(dh0.view(), by_h0.view(), 1e-6, "dh0");
}

TEST_P(Recurrence, PaddingIsNeverRead) {
  const auto batch = z.shape()[1], hidden = z.shape()[2];
  Tensor dz(z.shape(), DType::float64), du(u.shape(), DType::float64), dh0(h0.shape(), DType::float64);
  for (std::int64_t row = 0; row < z.shape()[0] * batch; ++row) {
    if (row / batch < lengths[static_cast<std::size_t>(row % batch)]) continue;
    for (std::int64_t f = 0; f < hidden; ++f) {
      z.data<double>()[row * hidden + f] = dh.data<double>()[row * hidden + f] = nan;
      h.data<double>()[row * hidden + f] = dz.data<double>()[row * hidden + f] = nan;  // must be written
    }
  }
  ops::indrnn_forward(z.view(), u.view(), h0.view(), lengths_view(), activation(), h.view());
  ops::indrnn_backward(dh.view(), h.view(), u.view(), h0.view(), lengths_view(), activation(), dz.view(),
                       du.view(), dh0.view());
  for (Tensor* tensor : {&h, &dz, &du, &dh0}) {
    for (double value : elements(*tensor)) ASSERT_TRUE(std::isfinite(value));
  }
  for (std::int64_t row = 0; row < z.shape()[0] * batch; ++row) {
    if (row / batch < lengths[static_cast<std::size_t>(row % batch)]) continue;
    for (std::int64_t f = 0; f < hidden; ++f) {
      EXPECT_EQ(h.data<double>()[row * hidden + f], 0.0);
      EXPECT_EQ(dz.data<double>()[row * hidden + f], 0.0);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, Recurrence,
                         ::testing::Combine(::testing::Values("relu", "tanh", "sigmoid", "identity"),
                                            ::testing::Values(Case{1, 1, 1}, Case{6, 3, 5}, Case{5, 2, 17},
                                                              Case{3, 9, 64}, Case{70, 2, 3})),
                         [](const auto& info) {
                           const Case& shape = std::get<1>(info.param);
                           return std::get<0>(info.param) + "_T" + std::to_string(shape.time_steps) + "_B" +
                                  std::to_string(shape.batch) + "_H" + std::to_string(shape.hidden);
                         });

TEST(RecurrenceOp, NothingToDoIsFine) {
  Tensor z({0, 2, 3}, DType::float32), u({3}, DType::float32), h0({2, 3}, DType::float32);
  Tensor du({3}, DType::float32), dh0({2, 3}, DType::float32);
  du.data<float>()[0] = dh0.data<float>()[0] = 5.0F;
  ops::indrnn_forward(z.view(), u.view(), h0.view(), {}, "relu", z.view());
  ops::indrnn_backward(z.view(), z.view(), u.view(), h0.view(), {}, "relu", z.view(), du.view(), dh0.view());
  EXPECT_EQ(du.data<float>()[0], 0.0F);
  EXPECT_EQ(dh0.data<float>()[0], 0.0F);
}

TEST(RecurrenceOp, WrongArgumentsAreNamed) {
  Tensor z({4, 3, 5}, DType::float32), u({5}, DType::float32), other({4}, DType::float32);
  Tensor wide({5}, DType::float64), h0({5, 3}, DType::float32);
  const std::array<std::int64_t, 3> lengths{1, 5, 2};
  const auto run = [&](ConstTensorView u_, ConstTensorView h0_, ConstTensorView lengths_,
                       const std::string& activation) {
    return [=, &z] { ops::indrnn_forward(z.view(), u_, h0_, lengths_, activation, z.view()); };
  };
  expect_error<InvalidArgument>(run(other.view(), {}, {}, "relu"), {"[indrnn_forward]", "u ", "[5]", "[4]"});
  expect_error<TypeMismatch>(run(wide.view(), {}, {}, "relu"), {"u ", "float32", "float64"});
  expect_error<InvalidArgument>(run(u.view(), h0.view(), {}, "relu"), {"h0 ", "[3, 5]", "[5, 3]"});
  expect_error<InvalidArgument>(run(u.view(), {}, {lengths.data(), Shape{3}}, "relu"), {"lengths", "got 5"});
  expect_error<InvalidArgument>(run(u.view(), {}, {lengths.data(), Shape{2}}, "relu"),
                                {"lengths", "[3]", "[2]"});
  expect_error<InvalidArgument>(run(u.view(), {}, {}, "gelu"), {"activation", "relu", "gelu"});
}

}  // namespace
}  // namespace indrnn::testing
