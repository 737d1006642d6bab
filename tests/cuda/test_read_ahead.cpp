// Reading along a column: each step once, in order, with its reset, in blocks; by any number of steps, in
// either direction.
#include "device/read_ahead.cuh"

#include <type_traits>
#include <vector>

#include "counters.hpp"
#include "emulation/support.hpp"

namespace indrnn::testing {
namespace {

using emulation::test::DeviceArray;

constexpr int depth = 3, columns = 2;
constexpr std::int64_t most_steps = 14, block_end = -7;

// What comes in the column of each thread: first number, second number, reset; block_end behind each block.
template <class S, bool with_resets>
__global__ void list_steps(cuda::Reading<S, 2> reading, std::int64_t steps, double* out) {
  reading.from[0] += threadIdx.x;
  reading.from[1] += threadIdx.x;
  if (with_resets) reading.resets += threadIdx.x;
  out += std::int64_t{threadIdx.x} * 4 * most_steps;
  cuda::read_steps<depth, with_resets>(
      reading, steps,
      [&](const S(&now)[2], bool reset) {
        *out++ = static_cast<double>(cuda::widen(now[0]));
        *out++ = static_cast<double>(cuda::widen(now[1]));
        *out++ = reset ? 1.0 : 0.0;
      },
      [&] { *out++ = static_cast<double>(block_end); });
}

template <class S>
S narrow(double value) {
  if constexpr (std::is_same_v<S, __nv_bfloat16>)
    return __float2bfloat16_rn(static_cast<float>(value));
  else
    return static_cast<S>(value);
}

bool is_reset(std::int64_t t, std::int64_t column) { return (t + column) % 4 == 1; }

template <class S, bool with_resets>
void check(std::int64_t steps, int direction) {
  SCOPED_TRACE(std::to_string(steps) + " steps, direction " + std::to_string(direction));
  std::vector<S> first, second;  // [steps, columns]
  std::vector<std::uint8_t> resets;
  for (std::int64_t t = 0; t < steps; ++t) {
    for (std::int64_t column = 0; column < columns; ++column) {
      first.push_back(narrow<S>(static_cast<double>(10 * t + column)));
      second.push_back(narrow<S>(static_cast<double>(100 + t)));
      resets.push_back(is_reset(t, column) ? 1 : 0);
    }
  }
  const DeviceArray<S> on_device(first), beside(second);
  const DeviceArray<std::uint8_t> flags(resets);
  const DeviceArray<double> out(4 * most_steps * columns);
  const std::int64_t start = direction > 0 || steps == 0 ? 0 : (steps - 1) * columns;
  const cuda::Reading<S, 2> reading{{on_device.data() + start, beside.data() + start},
                                    direction * columns,
                                    with_resets ? flags.data() + start : nullptr,
                                    direction * columns};
  emulation::reset_counters();
  EXPECT_CUDA(emulation::test::launch("list_steps", {1, columns}, list_steps<S, with_resets>, reading, steps,
                                      out.data()));
  const std::vector<double> found = out.values();
  for (std::int64_t column = 0; column < columns; ++column) {
    std::vector<double> expected;
    for (std::int64_t i = 0; i < steps; ++i) {
      const std::int64_t t = direction > 0 ? i : steps - 1 - i;
      expected.push_back(static_cast<double>(10 * t + column));
      expected.push_back(static_cast<double>(100 + t));
      expected.push_back(with_resets && is_reset(t, column) ? 1.0 : 0.0);
      if (i % depth == depth - 1 || i == steps - 1) expected.push_back(static_cast<double>(block_end));
    }
    const auto from = found.begin() + column * 4 * most_steps;
    EXPECT_EQ(std::vector<double>(from, from + static_cast<std::int64_t>(expected.size())), expected);
  }
  const auto read = static_cast<std::uint64_t>(steps * columns);
  EXPECT_EQ(emulation::counters().at("list_steps").bytes_read,
            read * 2 * sizeof(S) + (with_resets ? read : 0));
}

TEST(ReadAhead, EachStepComesOnceAndInOrder) {
  for (std::int64_t steps = 0; steps <= most_steps; ++steps) {
    for (int direction : {1, -1}) {
      check<float, false>(steps, direction);
      check<float, true>(steps, direction);
      check<double, true>(steps, direction);
      check<__nv_bfloat16, false>(steps, direction);
    }
  }
}

}  // namespace
}  // namespace indrnn::testing
