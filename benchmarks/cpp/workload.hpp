// The shape of a benchmark: a stack of equal IndRNN layers without a head, in float32.
#pragma once

#include <cstdint>

namespace indrnn::benchmarks {

struct Workload {
  std::int64_t inputs = 1;        // I
  std::int64_t hidden = 128;      // H
  std::int64_t layers = 6;        // L
  std::int64_t time_steps = 784;  // T
  std::int64_t batch = 32;        // B

  std::int64_t rows() const { return time_steps * batch; }
  std::int64_t inputs_of(std::int64_t layer) const { return layer == 0 ? inputs : hidden; }
};

}  // namespace indrnn::benchmarks
