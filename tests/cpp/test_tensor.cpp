#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>

#include "core/check.hpp"
#include "core/dispatch.hpp"
#include "indrnn/error.hpp"
#include "indrnn/tensor.hpp"

namespace indrnn {
namespace {

template <class Exception, class Function>
std::string message_of(Function&& function) {
  try {
    function();
  } catch (const Exception& error) {
    return error.what();
  }
  return "nothing thrown";
}

TEST(Shape, counts_elements_and_prints) {
  EXPECT_EQ(Shape{}.elements(), 1);
  EXPECT_EQ((Shape{784, 32, 1}).elements(), 784 * 32);
  EXPECT_EQ((Shape{5, 0, 7}).elements(), 0);
  EXPECT_EQ((Shape{784, 32, 1}).to_string(), "[784, 32, 1]");
  EXPECT_EQ(Shape{}.to_string(), "[]");
  EXPECT_EQ((Shape{1, 2}), (Shape{1, 2}));
  EXPECT_FALSE((Shape{1, 2}) == (Shape{1, 2, 0}));
  EXPECT_FALSE((Shape{1, 2}) == (Shape{2, 1}));
}

TEST(Shape, refuses_negative_sizes_and_too_many_dimensions) {
  EXPECT_THROW((Shape{3, -1}), InvalidArgument);
  EXPECT_THROW((Shape{1, 2, 3, 4, 5}), InvalidArgument);
}

TEST(Shape, overflow_is_an_error_and_a_zero_size_is_none) {
  const std::int64_t huge = std::int64_t{1} << 62;
  EXPECT_THROW((Shape{huge, 4}).elements(), InvalidArgument);
  EXPECT_EQ((Shape{huge, huge, 0}).elements(), 0);
}

TEST(DType, names_round_trip_and_unknown_ones_are_listed) {
  for (DType dtype : {DType::float32, DType::float64, DType::int64, DType::uint8})
    EXPECT_EQ(dtype_from_name(name_of(dtype)), dtype);
  EXPECT_EQ(size_of(DType::float32), 4u);
  EXPECT_EQ(size_of(DType::float64), 8u);
  EXPECT_EQ(size_of(DType::int64), 8u);
  EXPECT_EQ(size_of(DType::uint8), 1u);
  EXPECT_EQ(message_of<TypeMismatch>([] { dtype_from_name("float16"); }),
            "dtype must be one of float32, float64, int64, uint8, got \"float16\"");
}

TEST(DType, a_number_that_is_none_is_an_error) {
  const auto none = static_cast<DType>(99);
  EXPECT_NE(message_of<TypeMismatch>([&] { name_of(none); }).find("got number 99"), std::string::npos);
  EXPECT_THROW(size_of(none), TypeMismatch);
  EXPECT_THROW(Tensor(Shape{3}, none), TypeMismatch);
}

// A pointer to anything but elements of a known type is no tensor.
template <class T>
constexpr bool has_views =
    std::is_constructible_v<TensorView, T*, Shape> && std::is_constructible_v<ConstTensorView, T*, Shape> &&
    std::is_constructible_v<ConstTensorView, const T*, Shape>;
template <class T>
constexpr bool has_a_view =
    std::is_constructible_v<TensorView, T*, Shape> || std::is_constructible_v<ConstTensorView, T*, Shape> ||
    std::is_constructible_v<ConstTensorView, const T*, Shape>;
static_assert(has_views<float> && has_views<double> && has_views<std::int64_t> && has_views<std::uint8_t>);
static_assert(has_views<long long> && has_views<bool>);
static_assert(!has_a_view<int> && !has_a_view<std::int16_t> && !has_a_view<std::uint64_t>);
static_assert(!has_a_view<char> && !has_a_view<signed char> && !has_a_view<long double>);
static_assert(!has_a_view<Shape> && !has_a_view<float*> && !has_a_view<void>);
static_assert(!std::is_constructible_v<TensorView, const float*, Shape>);  // not to be written to

TEST(View, has_the_dtype_of_its_pointer) {
  float single = 0.0f;
  double twice = 0.0;
  std::int64_t index = 0;
  long long long_index = 0;
  std::uint8_t byte = 0;
  bool flag = false;
  const Shape one{1};
  EXPECT_EQ(TensorView(&single, one).dtype, DType::float32);
  EXPECT_EQ(TensorView(&twice, one).dtype, DType::float64);
  EXPECT_EQ(TensorView(&index, one).dtype, DType::int64);
  EXPECT_EQ(TensorView(&long_index, one).dtype, DType::int64);
  EXPECT_EQ(TensorView(&byte, one).dtype, DType::uint8);
  EXPECT_EQ(ConstTensorView(&flag, one).dtype, DType::uint8);
  const double constant = 0.0;
  EXPECT_EQ(ConstTensorView(&constant, one).dtype, DType::float64);
}

TEST(Tensor, is_zeroed_and_aligned) {
  for (std::int64_t size : {1, 3, 16, 1000, 1 << 20}) {
    Tensor tensor(Shape{size}, DType::float64);
    ASSERT_EQ(reinterpret_cast<std::uintptr_t>(tensor.data<double>()) % 64, 0u);
    EXPECT_EQ(tensor.bytes(), static_cast<std::size_t>(size) * 8);
    for (std::int64_t i = 0; i < size; ++i) {
      ASSERT_EQ(tensor.data<double>()[i], 0.0);
      tensor.data<double>()[i] = 1.0;  // dirties the memory for the next one
    }
  }
}

TEST(Tensor, copies_are_independent) {
  Tensor first(Shape{2, 3}, DType::float32);
  first.data<float>()[5] = 7.0f;
  Tensor second(first);
  Tensor third;
  third = first;
  third = *&third;
  first.data<float>()[5] = 8.0f;
  EXPECT_EQ(second.data<float>()[5], 7.0f);
  EXPECT_EQ(third.data<float>()[5], 7.0f);
  EXPECT_EQ(third.shape(), (Shape{2, 3}));
  const Tensor moved = std::move(third);
  EXPECT_EQ(moved.data<float>()[5], 7.0f);
}

TEST(Tensor, of_no_elements_holds_no_memory_but_a_shape) {
  const Tensor none;
  EXPECT_EQ(none.bytes(), 0u);
  EXPECT_FALSE(none.view().given());
  const Tensor empty(Shape{0, 4}, DType::float32);
  EXPECT_EQ(empty.bytes(), 0u);
  EXPECT_TRUE(empty.view().given());
  const Tensor copy(empty);
  EXPECT_EQ(copy.shape(), (Shape{0, 4}));
}

TEST(Tensor, too_large_is_out_of_memory) {
  const std::int64_t huge = std::int64_t{1} << 60;
  EXPECT_THROW(Tensor(Shape{huge, 16}, DType::float32), OutOfMemory);  // elements overflow
  EXPECT_THROW(Tensor(Shape{huge, 4}, DType::float64), OutOfMemory);   // bytes overflow
  EXPECT_THROW(Tensor(Shape{huge / 4}, DType::float64), OutOfMemory);  // more than there can be
  EXPECT_THROW(Tensor(Shape{std::numeric_limits<std::int64_t>::max()}, DType::uint8), OutOfMemory);
}

TEST(Check, messages_say_operation_argument_expected_and_got) {
  const float data[6] = {};
  const ConstTensorView view(data, Shape{2, 3});
  EXPECT_EQ(message_of<InvalidArgument>([&] { check_shape("indrnn", "u", view, Shape{6}, "[H]"); }),
            "[indrnn] u must have shape [H] = [6], got [2, 3]");
  EXPECT_EQ(message_of<InvalidArgument>([&] { check_shape("indrnn", "u", view, Shape{6}); }),
            "[indrnn] u must have shape [6], got [2, 3]");
  EXPECT_EQ(message_of<InvalidArgument>([&] { check_rank("indrnn", "z", view, 3, "[T, B, H]"); }),
            "[indrnn] z must have 3 dimensions [T, B, H], got shape [2, 3]");
  EXPECT_EQ(message_of<TypeMismatch>([&] { check_dtype("forward", "x", view, DType::float64); }),
            "[forward] x must have dtype float64, got float32");
  EXPECT_EQ(message_of<TypeMismatch>([] {
              const std::int64_t index = 0;
              check_float("loss", "logits", ConstTensorView(&index, Shape{1}));
            }),
            "[loss] logits must have dtype float32 or float64, got int64");
  EXPECT_EQ(message_of<InvalidArgument>([] { check_given("forward", "x", {}); }),
            "[forward] x must be given, got nothing");
  EXPECT_EQ(message_of<InvalidArgument>([] { fail("dropout", "p", "be in [0, 1)", to_text(1.5)); }),
            "[dropout] p must be in [0, 1), got 1.5");
  check_view("forward", "x", view, DType::float32, Shape{2, 3});
}

TEST(Check, null_pointer_to_elements_is_refused_and_to_none_is_not) {
  EXPECT_THROW(check_given("forward", "x", ConstTensorView(nullptr, Shape{2}, DType::float32)),
               InvalidArgument);
  check_given("forward", "x", ConstTensorView(nullptr, Shape{0, 2}, DType::float32));
}

TEST(Dispatch, picks_the_element_type) {
  const auto size = [](auto zero) { return sizeof(zero); };
  EXPECT_EQ(dispatch_float(DType::float32, size), 4u);
  EXPECT_EQ(dispatch_float(DType::float64, size), 8u);
  EXPECT_THROW(dispatch_float(DType::int64, size), TypeMismatch);
  EXPECT_TRUE(dispatch_bool(true, [](auto value) { return decltype(value)::value; }));
}

}  // namespace
}  // namespace indrnn
