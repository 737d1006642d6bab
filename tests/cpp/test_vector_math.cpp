// The kernels' own exp, sigmoid and tanh, for every instruction set that this machine has.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <type_traits>
#include <utility>
#include <vector>

#include "per_isa/vector_math_arrays.hpp"

namespace indrnn::cpu {
namespace {

template <class T>
std::vector<MathArrays<T>> implementations() {
  std::vector<MathArrays<T>> found = {baseline::math_arrays<T>()};
#if defined(INDRNN_X86_KERNELS)
  if (isa() >= Isa::avx2) found.push_back(avx2::math_arrays<T>());
  if (isa() >= Isa::avx512) found.push_back(avx512::math_arrays<T>());
#endif
  return found;
}

long double reference_exp(long double x) { return std::exp(x); }
long double reference_tanh(long double x) { return std::tanh(x); }
long double reference_sigmoid(long double x) {
  const long double e = std::exp(-std::fabs(x));
  return (x < 0 ? e : 1.0L) / (1 + e);
}

// The error in units of the last place of T at the wanted value.
template <class T>
double ulps(T got, long double want) {
  if (std::isnan(want)) return std::isnan(got) ? 0 : HUGE_VAL;
  const T rounded = static_cast<T>(want);
  if (std::isinf(rounded) || std::isinf(got)) return rounded == got ? 0 : HUGE_VAL;
  if (want == 0) return got == 0 && std::signbit(got) == std::signbit(want) ? 0 : HUGE_VAL;
  constexpr int digits = std::numeric_limits<T>::digits;
  constexpr int lowest = std::numeric_limits<T>::min_exponent - digits;
  const int exponent = std::max(std::ilogb(want) + 1 - digits, lowest);
  return static_cast<double>(std::fabs(static_cast<long double>(got) - want) / std::ldexp(1.0L, exponent));
}

// Bit patterns of the whole range, then the ranges where the functions are neither 0 nor 1, then the special values.
template <class T>
std::vector<T> arguments() {
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  std::vector<T> x;
  std::mt19937_64 random(1);
  for (int i = 0; i < 100000; ++i) {
    const Bits bits = static_cast<Bits>(random());
    T value;
    std::memcpy(&value, &bits, sizeof(T));
    x.push_back(value);
  }
  for (double range : {0.01, 1.0, 10.0, 40.0, 110.0, 800.0}) {
    std::uniform_real_distribution<double> uniform(-range, range);
    for (int i = 0; i < 40000; ++i) x.push_back(static_cast<T>(uniform(random)));
  }
  using Limits = std::numeric_limits<T>;
  for (T value : {T{0}, T{1}, Limits::denorm_min(), Limits::min(), Limits::epsilon(), Limits::max(),
                  Limits::infinity(), T(88.722839), T(88.72284), T(709.782712893384), T(709.7827128933841),
                  T(103.97), T(103.98), T(745.13), T(745.14), T(0.34657359), T(9.01), T(19.06)}) {
    x.push_back(value);
    x.push_back(-value);
  }
  x.push_back(Limits::quiet_NaN());
  return x;
}

template <class T>
class VectorMath : public ::testing::Test {};
using Floats = ::testing::Types<float, double>;
TYPED_TEST_SUITE(VectorMath, Floats);

template <class T, class Pick>
void expect_close(Pick pick, long double (*reference)(long double), double allowed) {
  const std::vector<T> x = arguments<T>();
  std::vector<T> y(x.size());
  for (const MathArrays<T>& arrays : implementations<T>()) {
    pick(arrays)(static_cast<std::int64_t>(x.size()), x.data(), y.data());
    std::size_t worst = 0;
    double error = -1;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double here = ulps(y[i], reference(x[i]));
      if (here > error) error = here, worst = i;
    }
    EXPECT_LE(error, allowed) << "at " << x[worst] << ": " << y[worst];
  }
}

TYPED_TEST(VectorMath, exp_is_accurate_everywhere) {
  expect_close<TypeParam>([](const auto& arrays) { return arrays.exp; }, reference_exp, 1.2);
}
TYPED_TEST(VectorMath, sigmoid_is_accurate_everywhere) {
  expect_close<TypeParam>([](const auto& arrays) { return arrays.sigmoid; }, reference_sigmoid, 2.5);
}
TYPED_TEST(VectorMath, tanh_is_accurate_everywhere) {
  expect_close<TypeParam>([](const auto& arrays) { return arrays.tanh; }, reference_tanh, 2.8);
}

TYPED_TEST(VectorMath, one_lane_gives_the_same_bits_as_a_whole_vector) {
  using T = TypeParam;
  using Function = typename MathArrays<T>::Function;
  const std::vector<T> x = arguments<T>();
  std::vector<T> wide(x.size()), single(x.size());
  const auto count = static_cast<std::int64_t>(x.size());
  for (const MathArrays<T>& arrays : implementations<T>()) {
    const std::pair<Function, Function> pairs[] = {{arrays.exp, arrays.single_exp},
                                                   {arrays.sigmoid, arrays.single_sigmoid},
                                                   {arrays.tanh, arrays.single_tanh}};
    for (const auto& [vector, lane] : pairs) {
      vector(count, x.data(), wide.data());
      lane(count, x.data(), single.data());
      for (std::size_t i = 0; i < x.size(); ++i) {
        if (std::isnan(wide[i]) && std::isnan(single[i])) continue;
        ASSERT_EQ(wide[i], single[i]) << "at " << x[i];
      }
    }
  }
}

}  // namespace
}  // namespace indrnn::cpu
