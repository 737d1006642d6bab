#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "indrnn/error.hpp"
#include "indrnn/losses.hpp"
#include "indrnn/threads.hpp"

namespace indrnn {
namespace {

template <class T>
class Losses : public ::testing::Test {
 protected:
  static constexpr double tolerance = std::is_same_v<T, float> ? 2e-6 : 1e-14;

  std::vector<T> normal(std::int64_t count, double deviation = 3.0) {
    std::normal_distribution<double> distribution(0.0, deviation);
    std::vector<T> values(static_cast<std::size_t>(count));
    for (T& value : values) value = static_cast<T>(distribution(random_));
    return values;
  }

  std::vector<std::int64_t> indices(std::int64_t count, std::int64_t below) {
    std::uniform_int_distribution<std::int64_t> distribution(0, below - 1);
    std::vector<std::int64_t> values(static_cast<std::size_t>(count));
    for (auto& value : values) value = distribution(random_);
    return values;
  }

  std::mt19937_64 random_{5};
};

using Floats = ::testing::Types<float, double>;
TYPED_TEST_SUITE(Losses, Floats);

// The definition, written out in the widest type.
template <class T>
long double reference_cross_entropy(const std::vector<T>& logits, const std::vector<std::int64_t>& targets,
                                    const std::vector<std::uint8_t>& mask,
                                    std::vector<long double>& gradient) {
  const std::size_t rows = targets.size(), classes = logits.size() / rows;
  long double loss = 0, counted = 0;
  gradient.assign(logits.size(), 0);
  for (std::size_t row = 0; row < rows; ++row) counted += mask.empty() || mask[row] != 0;
  for (std::size_t row = 0; row < rows; ++row) {
    if (!mask.empty() && mask[row] == 0) continue;
    const T* x = logits.data() + row * classes;
    long double highest = x[0], sum = 0;
    for (std::size_t c = 1; c < classes; ++c) highest = std::max<long double>(highest, x[c]);
    for (std::size_t c = 0; c < classes; ++c) sum += std::exp(x[c] - highest);
    const auto target = static_cast<std::size_t>(targets[row]);
    loss += (highest + std::log(sum) - x[target]) / counted;
    for (std::size_t c = 0; c < classes; ++c)
      gradient[row * classes + c] = (std::exp(x[c] - highest) / sum - (c == target)) / counted;
  }
  return loss;
}

TYPED_TEST(Losses, cross_entropy_agrees_with_the_definition) {
  using T = TypeParam;
  for (std::int64_t classes : {1, 2, 3, 7, 8, 10, 16, 17, 31, 50, 64, 65, 127, 1000, 5003}) {
    for (std::int64_t rows : {1, 3, 40}) {
      for (bool masked : {false, true}) {
        const auto logits = this->normal(rows * classes);
        auto targets = this->indices(rows, classes);
        std::vector<std::uint8_t> mask;
        if (masked)
          for (std::int64_t row = 0; row < rows; ++row) mask.push_back(row % 3 != 1);
        std::vector<long double> want;
        const long double loss = reference_cross_entropy(logits, targets, mask, want);
        for (std::size_t row = 0; row < mask.size(); ++row)
          if (mask[row] == 0) targets[row] = -100;  // padding is not looked at
        std::vector<T> gradient(logits.size(), T{77});
        const ConstTensorView mask_view =
            masked ? ConstTensorView(mask.data(), Shape{rows}) : ConstTensorView{};
        const double got =
            losses::softmax_cross_entropy(ConstTensorView(logits.data(), Shape{rows, classes}),
                                          ConstTensorView(targets.data(), Shape{rows}), mask_view,
                                          TensorView(gradient.data(), Shape{rows, classes}));
        EXPECT_NEAR(got, static_cast<double>(loss),
                    this->tolerance * (1 + std::fabs(static_cast<double>(loss))));
        for (std::size_t i = 0; i < gradient.size(); ++i)
          ASSERT_NEAR(gradient[i], static_cast<double>(want[i]), this->tolerance / static_cast<double>(rows))
              << "element " << i << " of " << rows << " x " << classes;
        // The loss alone, and in place: the same bits.
        EXPECT_EQ(losses::softmax_cross_entropy(ConstTensorView(logits.data(), Shape{rows, classes}),
                                                ConstTensorView(targets.data(), Shape{rows}), mask_view, {}),
                  got);
        auto in_place = logits;
        losses::softmax_cross_entropy(ConstTensorView(in_place.data(), Shape{rows, classes}),
                                      ConstTensorView(targets.data(), Shape{rows}), mask_view,
                                      TensorView(in_place.data(), Shape{rows, classes}));
        EXPECT_EQ(in_place, gradient);
      }
    }
  }
}

TYPED_TEST(Losses, cross_entropy_is_stable_for_huge_logits) {
  using T = TypeParam;
  const T huge = std::numeric_limits<T>::max() / 4;
  const T logits[] = {huge, 0, -huge, 1000, 1001, 999};
  const std::int64_t targets[] = {0, 2};
  T gradient[6];
  const double loss =
      losses::softmax_cross_entropy(ConstTensorView(logits, Shape{2, 3}), ConstTensorView(targets, Shape{2}),
                                    {}, TensorView(gradient, Shape{2, 3}));
  const double second = std::log(std::exp(-1.0) + 1 + std::exp(-2.0)) + 2;
  EXPECT_NEAR(loss, second / 2, 1e-6);
  EXPECT_EQ(gradient[0], T{0});
  EXPECT_EQ(gradient[1], T{0});
}

TYPED_TEST(Losses, nan_and_infinity_are_passed_on_in_their_row_only) {
  using T = TypeParam;
  const T nan = std::numeric_limits<T>::quiet_NaN(), infinity = std::numeric_limits<T>::infinity();
  for (T bad : {nan, infinity}) {
    for (std::int64_t at = 0; at < 20; ++at) {
      std::vector<T> logits(40, T{1});
      logits[static_cast<std::size_t>(at)] = bad;
      const std::int64_t targets[] = {3, 3};
      std::vector<T> gradient(40);
      const double loss = losses::softmax_cross_entropy(ConstTensorView(logits.data(), Shape{2, 20}),
                                                        ConstTensorView(targets, Shape{2}), {},
                                                        TensorView(gradient.data(), Shape{2, 20}));
      EXPECT_TRUE(std::isnan(loss)) << at;
      for (int c = 0; c < 20; ++c)
        EXPECT_TRUE(std::isnan(gradient[static_cast<std::size_t>(c)])) << at << " " << c;
      for (int c = 20; c < 40; ++c) EXPECT_TRUE(std::isfinite(gradient[static_cast<std::size_t>(c)]));
    }
  }
  // A class that is ruled out is no error.
  const T logits[] = {-infinity, 0, 0};
  const std::int64_t target = 1;
  EXPECT_NEAR(losses::softmax_cross_entropy(ConstTensorView(logits, Shape{3}),
                                            ConstTensorView(&target, Shape{}), {}, {}),
              std::log(2.0), 1e-6);
}

TYPED_TEST(Losses, masked_rows_may_hold_nan_and_get_zero_gradient) {
  using T = TypeParam;
  const T nan = std::numeric_limits<T>::quiet_NaN();
  const T logits[] = {nan, nan, 0, 0};
  const std::int64_t targets[] = {9, 1};
  const std::uint8_t mask[] = {0, 1};
  T gradient[4];
  EXPECT_NEAR(
      losses::softmax_cross_entropy(ConstTensorView(logits, Shape{2, 2}), ConstTensorView(targets, Shape{2}),
                                    ConstTensorView(mask, Shape{2}), TensorView(gradient, Shape{2, 2})),
      std::log(2.0), 1e-6);
  EXPECT_EQ(gradient[0], T{0});
  EXPECT_EQ(gradient[1], T{0});
  EXPECT_EQ(gradient[2], T(0.5));
  EXPECT_EQ(gradient[3], T(-0.5));
}

TYPED_TEST(Losses, nothing_counted_is_a_loss_of_zero) {
  using T = TypeParam;
  const T logits[] = {1, 2};
  const std::int64_t target = 0;
  const std::uint8_t none = 0;
  T gradient[2] = {5, 5};
  EXPECT_EQ(
      losses::softmax_cross_entropy(ConstTensorView(logits, Shape{1, 2}), ConstTensorView(&target, Shape{1}),
                                    ConstTensorView(&none, Shape{1}), TensorView(gradient, Shape{1, 2})),
      0.0);
  EXPECT_EQ(gradient[0], T{0});
  const ConstTensorView empty(static_cast<const T*>(nullptr), Shape{0, 2});
  EXPECT_EQ(losses::softmax_cross_entropy(
                empty, ConstTensorView(static_cast<const std::int64_t*>(nullptr), Shape{0}), {}, {}),
            0.0);
  EXPECT_EQ(losses::mean_squared_error(empty, empty, {}, {}), 0.0);
}

TYPED_TEST(Losses, same_bits_for_any_number_of_threads) {
  using T = TypeParam;
  const int before = num_threads();
  const std::int64_t steps = 37, batch = 53, classes = 91;
  const auto logits = this->normal(steps * batch * classes);
  const auto other = this->normal(steps * batch * classes);
  const auto targets = this->indices(steps * batch, classes);
  std::vector<double> losses_seen;
  std::vector<std::vector<T>> gradients;
  for (int threads : {1, 2, 5}) {
    set_num_threads(threads);
    std::vector<T> gradient(logits.size());
    const Shape shape{steps, batch, classes};
    losses_seen.push_back(losses::softmax_cross_entropy(ConstTensorView(logits.data(), shape),
                                                        ConstTensorView(targets.data(), Shape{steps, batch}),
                                                        {}, TensorView(gradient.data(), shape)));
    gradients.push_back(gradient);
    losses_seen.push_back(losses::mean_squared_error(ConstTensorView(logits.data(), shape),
                                                     ConstTensorView(other.data(), shape), {},
                                                     TensorView(gradient.data(), shape)));
    gradients.push_back(gradient);
  }
  set_num_threads(before);
  for (std::size_t i = 2; i < gradients.size(); ++i) {
    EXPECT_EQ(losses_seen[i], losses_seen[i % 2]);
    EXPECT_EQ(std::memcmp(gradients[i].data(), gradients[i % 2].data(), logits.size() * sizeof(T)), 0);
  }
}

TYPED_TEST(Losses, squared_error_agrees_with_the_definition) {
  using T = TypeParam;
  for (std::int64_t rows : {1, 5, 4000}) {
    for (std::int64_t features : {1, 3, 16, 133}) {
      for (bool masked : {false, true}) {
        const auto prediction = this->normal(rows * features);
        const auto target = this->normal(rows * features);
        std::vector<std::uint8_t> mask;
        if (masked)
          for (std::int64_t row = 0; row < rows; ++row)
            mask.push_back(static_cast<std::uint8_t>(row % 5 < 3));
        long double sum = 0, count = 0;
        for (std::int64_t i = 0; i < rows * features; ++i) {
          if (masked && mask[static_cast<std::size_t>(i / features)] == 0) continue;
          const auto at = static_cast<std::size_t>(i);
          const long double difference = static_cast<long double>(prediction[at]) - target[at];
          sum += difference * difference;
          count += 1;
        }
        std::vector<T> gradient(prediction.size(), T{77});
        const Shape shape{rows, features};
        const ConstTensorView mask_view =
            masked ? ConstTensorView(mask.data(), Shape{rows}) : ConstTensorView{};
        const double loss = losses::mean_squared_error(ConstTensorView(prediction.data(), shape),
                                                       ConstTensorView(target.data(), shape), mask_view,
                                                       TensorView(gradient.data(), shape));
        const double want = static_cast<double>(sum / count);
        EXPECT_NEAR(loss, want, this->tolerance * want);
        EXPECT_EQ(losses::mean_squared_error(ConstTensorView(prediction.data(), shape),
                                             ConstTensorView(target.data(), shape), mask_view, {}),
                  loss);
        for (std::int64_t i = 0; i < rows * features; ++i) {
          const auto at = static_cast<std::size_t>(i);
          const bool counts = !masked || mask[static_cast<std::size_t>(i / features)] != 0;
          const double slope =
              counts
                  ? static_cast<double>(2 * (static_cast<long double>(prediction[at]) - target[at]) / count)
                  : 0;
          ASSERT_NEAR(gradient[at], slope, this->tolerance * std::fabs(slope)) << i;
        }
      }
    }
  }
}

// ---- what is refused ---------------------------------------------------------------------------------------------

template <class Exception, class Function>
void expect_message(Function&& function, const std::string& message) {
  try {
    function();
    FAIL() << "nothing was thrown; expected: " << message;
  } catch (const Exception& error) {
    EXPECT_EQ(error.what(), message);
  }
}

TEST(LossErrors, target_out_of_range_names_value_and_position_and_writes_nothing) {
  const std::vector<float> logits(2 * 3 * 4, 1.0f);
  std::vector<float> gradient(logits.size(), 7.0f);
  for (std::int64_t bad : {4, -1}) {
    const std::int64_t targets[] = {0, 1, 2, 3, bad, 0};
    expect_message<InvalidArgument>(
        [&] {
          losses::softmax_cross_entropy(ConstTensorView(logits.data(), Shape{2, 3, 4}),
                                        ConstTensorView(targets, Shape{2, 3}), {},
                                        TensorView(gradient.data(), Shape{2, 3, 4}));
        },
        "[softmax_cross_entropy] targets must be in [0, 4), got " + std::to_string(bad) + " at [1, 1]");
  }
  EXPECT_EQ(gradient, std::vector<float>(logits.size(), 7.0f));
}

TEST(LossErrors, shapes_and_element_types_are_checked) {
  const float x[6] = {};
  const double wide[6] = {};
  const std::int64_t targets[3] = {};
  const std::uint8_t mask[3] = {};
  float gradient[6];
  const ConstTensorView logits(x, Shape{3, 2}), classes(targets, Shape{3});
  expect_message<InvalidArgument>([&] { losses::softmax_cross_entropy({}, classes, {}, {}); },
                                  "[softmax_cross_entropy] logits must be given, got nothing");
  expect_message<TypeMismatch>(
      [&] { losses::softmax_cross_entropy(classes, classes, {}, {}); },
      "[softmax_cross_entropy] logits must have dtype float32 or float64, got int64");
  expect_message<InvalidArgument>(
      [&] { losses::softmax_cross_entropy(logits, ConstTensorView(targets, Shape{2}), {}, {}); },
      "[softmax_cross_entropy] targets must have shape [...] = [3], got [2]");
  expect_message<TypeMismatch>(
      [&] { losses::softmax_cross_entropy(logits, ConstTensorView(x, Shape{3}), {}, {}); },
      "[softmax_cross_entropy] targets must have dtype int64, got float32");
  expect_message<InvalidArgument>(
      [&] { losses::softmax_cross_entropy(logits, classes, ConstTensorView(mask, Shape{3, 1}), {}); },
      "[softmax_cross_entropy] mask must have shape [...] = [3], got [3, 1]");
  expect_message<InvalidArgument>(
      [&] { losses::softmax_cross_entropy(logits, classes, {}, TensorView(gradient, Shape{2, 3})); },
      "[softmax_cross_entropy] dlogits must have shape [..., C] = [3, 2], got [2, 3]");
  expect_message<TypeMismatch>(
      [&] { losses::mean_squared_error(logits, ConstTensorView(wide, Shape{3, 2}), {}, {}); },
      "[mean_squared_error] target must have dtype float32, got float64");
  expect_message<InvalidArgument>(
      [&] { losses::mean_squared_error(logits, ConstTensorView(x, Shape{6}), {}, {}); },
      "[mean_squared_error] target must have shape [..., F] = [3, 2], got [6]");
}

}  // namespace
}  // namespace indrnn
