// What the C++ tests share: random tensors, whole batches, and gradients by central differences.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "indrnn/indrnn.hpp"

namespace indrnn::testing {

inline std::span<double> elements(TensorView view) {
  return {view.as<double>(), static_cast<std::size_t>(view.shape.elements())};
}

inline std::span<double> elements(Tensor& tensor) { return elements(tensor.view()); }

inline void fill_normal(TensorView view, std::mt19937_64& random, double scale = 1.0) {
  std::normal_distribution<double> normal(0.0, scale);
  for (double& value : elements(view)) value = normal(random);
}

inline Tensor normal_tensor(Shape shape, std::mt19937_64& random) {
  Tensor tensor(shape, DType::float64);
  fill_normal(tensor.view(), random);
  return tensor;
}

inline Tensor index_tensor(Shape shape, std::int64_t bound, std::mt19937_64& random) {
  Tensor tensor(shape, DType::int64);
  std::uniform_int_distribution<std::int64_t> uniform(0, bound - 1);
  for (std::int64_t i = 0; i < shape.elements(); ++i) tensor.data<std::int64_t>()[i] = uniform(random);
  return tensor;
}

inline double dot(TensorView a, TensorView b) {
  double sum = 0.0;
  const auto left = elements(a), right = elements(b);
  for (std::size_t i = 0; i < left.size(); ++i) sum += left[i] * right[i];
  return sum;
}

inline bool same_bits(ConstTensorView a, ConstTensorView b) {
  return a.shape == b.shape && a.dtype == b.dtype &&
         (a.shape.elements() == 0 ||
          std::memcmp(a.data, b.data, static_cast<std::size_t>(a.shape.elements()) * size_of(a.dtype)) == 0);
}

inline void expect_close(TensorView actual, TensorView expected, double tolerance, const std::string& what) {
  ASSERT_EQ(actual.shape, expected.shape) << what;
  double scale = 1e-2, difference = 0.0;
  const auto found = elements(actual), wanted = elements(expected);
  for (double value : wanted) scale = std::max(scale, std::abs(value));
  for (std::size_t i = 0; i < found.size(); ++i) {
    ASSERT_TRUE(std::isfinite(found[i])) << what << " element " << i;
    difference = std::max(difference, std::abs(found[i] - wanted[i]));
  }
  EXPECT_LE(difference / scale, tolerance) << what;
}

// The derivatives of `function` with respect to `values`, which it reads.
inline Tensor central_differences(TensorView values, const std::function<double()>& function,
                                  double step = 1e-5) {
  Tensor result(values.shape, DType::float64);
  const auto targets = elements(values);
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const double original = targets[i];
    targets[i] = original + step;
    const double above = function();
    targets[i] = original - step;
    const double below = function();
    targets[i] = original;
    result.data<double>()[i] = (above - below) / (2 * step);
  }
  return result;
}

// Runs `call`, which must throw ErrorType with a message that holds every one of `parts`.
template <class ErrorType>
void expect_error(const std::function<void()>& call, const std::vector<std::string>& parts) {
  try {
    call();
    ADD_FAILURE() << "nothing was thrown; wanted a message with \"" << parts.front() << "\"";
  } catch (const ErrorType& error) {
    for (const std::string& part : parts) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos)
          << "\"" << part << "\" is not in: " << error.what();
    }
  }
}

inline Network make_network(const std::vector<nn::LayerSpec>& layers, std::int64_t input_size,
                            DType dtype = DType::float64, std::uint64_t seed = 0) {
  return Network::create(layers, {.input_size = input_size, .dtype = dtype, .seed = seed});
}

}  // namespace indrnn::testing
