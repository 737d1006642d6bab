#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "backend/cpu/kernels/kernels.hpp"
#include "core/philox.hpp"

namespace indrnn {
namespace {

void expect_words(const Random4& got, const Random4& want) {
  for (int i = 0; i < 4; ++i) EXPECT_EQ(got.word[i], want.word[i]) << "word " << i;
}

// The known answers that the authors of Philox publish with Random123.
TEST(Philox, gives_the_published_known_answers) {
  expect_words(philox(0, Random4{{0, 0, 0, 0}}), {{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}});
  expect_words(philox(0xffffffffffffffffu, Random4{{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}}),
               {{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}});
  expect_words(philox(0x299f31d0a4093822u, Random4{{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}}),
               {{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}});
}

TEST(Philox, counter_of_two_numbers_is_low_word_first) {
  expect_words(philox(7, 0x0000000200000001u, 0x0000000400000003u), philox(7, Random4{{1, 2, 3, 4}}));
}

TEST(Philox, uniform_numbers_stay_below_one) {
  EXPECT_EQ(uniform_float(0), 0.0f);
  EXPECT_EQ(uniform_float(0xffffffffu), 1.0f - std::ldexp(1.0f, -24));
  EXPECT_EQ(uniform_double(0, 0), 0.0);
  EXPECT_EQ(uniform_double(0xffffffffu, 0xffffffffu), 1.0 - std::ldexp(1.0, -53));
  EXPECT_EQ(uniform_double(0x80000000u, 0), 0.5);
}

TEST(Philox, uniform_numbers_have_the_right_mean_and_variance) {
  const int count = 1 << 18;
  double sum = 0, squares = 0;
  for (int i = 0; i < count; ++i) {
    const Random4 random = philox(1, static_cast<std::uint64_t>(i), 0);
    for (std::uint32_t word : random.word) {
      const double x = uniform_float(word);
      sum += x;
      squares += x * x;
    }
  }
  const double n = 4.0 * count;
  const double mean = sum / n;
  EXPECT_NEAR(mean, 0.5, 5 * std::sqrt(1.0 / 12 / n));
  EXPECT_NEAR(squares / n - mean * mean, 1.0 / 12, 5 * std::sqrt(1.0 / 180 / n));
}

// The kernel draws many counters at a time; every count must give the numbers of one counter after the other.
template <class T>
void expect_the_numbers_of_single_counters() {
  for (const std::uint64_t low : {std::uint64_t{0}, std::uint64_t{0xfffffffd}, std::uint64_t{7} << 32}) {
    const RandomCounters counters{.key = 0x123456789abcdefu, .low = low, .high = 0x300000007u};
    for (const int count : {1, 3, 4, 63, 64, 65, 257}) {
      std::vector<float> uniforms(static_cast<std::size_t>(count) + 1, -1.0f);
      cpu::kernels<T>().uniform_floats(counters, count, uniforms.data());
      for (int i = 0; i < count; ++i) {
        const Random4 words = philox(counters.key, low + static_cast<std::uint64_t>(i / 4), counters.high);
        ASSERT_EQ(uniforms[static_cast<std::size_t>(i)], uniform_float(words.word[i % 4]))
            << count << " " << i;
      }
      EXPECT_EQ(uniforms.back(), -1.0f) << "written past the end";
    }
  }
}

TEST(Philox, the_kernel_draws_the_numbers_of_single_counters) {
  expect_the_numbers_of_single_counters<float>();
  expect_the_numbers_of_single_counters<double>();
}

}  // namespace
}  // namespace indrnn
