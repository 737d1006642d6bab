// Independent streams of random numbers, addressed by what they are for: a number depends on its own address alone.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>

#include "core/philox.hpp"

namespace indrnn {

enum class Purpose : std::uint32_t { initial_parameters = 1, dropout = 2, zoneout = 3, row_dropout = 4 };

// Where a stream stands: four numbers each at (key, low, high), (key, low + 1, high), ...
struct RandomCounters {
  std::uint64_t key, low, high;
};

class RandomStream {
 public:
  // owner: the parameter or node that draws; call: how often it drew before.
  INDRNN_HOST_DEVICE RandomStream(std::uint64_t seed, Purpose purpose, std::uint32_t owner,
                                  std::uint64_t call)
      : key_(seed + 0x9E3779B97F4A7C15U * (call >> 32)),
        high_((static_cast<std::uint64_t>(static_cast<std::uint32_t>(call)) << 32) |
              (static_cast<std::uint64_t>(purpose) << 24) | owner) {}

  // use(i, uniform in [0, 1)) for i in [0, count); `row` is e.g. the sample of the batch. Numbers come in blocks of
  // four.
  template <class Use>
  void uniform_floats(std::uint64_t row, std::int64_t count, const Use& use) const {
    for (std::int64_t first = 0; first < count; first += 4) {
      const Random4 random = draw(row, first / 4);
      for (std::int64_t i = first; i < first + 4 && i < count; ++i)
        use(i, uniform_float(random.word[i - first]));
    }
  }

  // Of the numbers above from first_block on, for cpu::Kernels::uniform_floats.
  RandomCounters counters(std::uint64_t row, std::int64_t first_block) const {
    return {key_, (row << 32) ^ static_cast<std::uint64_t>(first_block), high_};
  }

  // Uniform in [0, 1).
  double uniform(std::uint64_t index) const {
    const Random4 random = draw(0, static_cast<std::int64_t>(index));
    return uniform_double(random.word[0], random.word[1]);
  }

  // Standard normal (Box & Muller 1958).
  double normal(std::uint64_t index) const {
    const Random4 random = draw(0, static_cast<std::int64_t>(index));
    const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform_double(random.word[0], random.word[1])));
    return radius * std::cos(2.0 * std::numbers::pi * uniform_double(random.word[2], random.word[3]));
  }

  // The block of four numbers that elements 4 block to 4 block + 3 of `row` take theirs from.
  INDRNN_HOST_DEVICE Random4 draw(std::uint64_t row, std::int64_t block) const {
    return philox(key_, (row << 32) ^ static_cast<std::uint64_t>(block), high_);
  }

 private:
  std::uint64_t key_, high_;
};

}  // namespace indrnn
