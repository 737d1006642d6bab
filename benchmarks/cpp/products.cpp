#include "products.hpp"

#include <algorithm>
#include <cmath>
#include <random>

#include "backend/cpu/matmul.hpp"
#include "core/threads.hpp"

namespace indrnn::benchmarks {
namespace {

using cpu::Accumulate;

std::vector<float> normal_values(std::int64_t count, double deviation, std::uint64_t seed) {
  std::mt19937_64 generator(seed);
  std::normal_distribution<float> distribution(0.0F, static_cast<float>(deviation));
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = distribution(generator);
  return values;
}

}  // namespace

Products::Products(const Workload& workload, std::int64_t chunk_rows)
    : workload_(workload), chunk_rows_(chunk_rows), parts_(num_threads()) {
  values_.push_back(normal_values(workload.rows() * workload.inputs, 1.0, 1));
  for (std::int64_t layer = 0; layer < workload.layers; ++layer) {
    const std::int64_t inputs = workload.inputs_of(layer);
    // Keeps the size of values from layer to layer, so that nothing overflows or becomes denormal.
    const double deviation = 1.0 / std::sqrt(static_cast<double>(inputs));
    weights_.push_back(
        normal_values(workload.hidden * inputs, deviation, static_cast<std::uint64_t>(layer) + 2));
    values_.emplace_back(static_cast<std::size_t>(workload.rows() * workload.hidden));
  }
  output_gradient_ = normal_values(workload.rows() * workload.hidden, 1.0, 100);
  weight_gradients_.resize(static_cast<std::size_t>(parts_));
  for (auto& gradients : weight_gradients_) {
    for (const auto& weight : weights_) gradients.emplace_back(weight.size());
  }
  scratch_.assign(static_cast<std::size_t>(parts_),
                  std::vector<float>(static_cast<std::size_t>(2 * chunk_rows * workload.hidden)));
}

Products::Range Products::rows_of(std::int64_t part) const {
  return {workload_.rows() * part / parts_, workload_.rows() * (part + 1) / parts_};
}

float* Products::scratch(std::int64_t part, std::int64_t layer) {
  return scratch_[static_cast<std::size_t>(part)].data() + (layer % 2) * chunk_rows_ * workload_.hidden;
}

void Products::forward() {
  cpu::use_single_threaded_blas();
  parallel_for(parts_, [this](std::int64_t part, int) {
    const auto [begin, end] = rows_of(part);
    for (std::int64_t row = begin; row < end; row += chunk_rows_) {
      const std::int64_t rows = std::min(chunk_rows_, end - row);
      for (std::int64_t layer = 0; layer < workload_.layers; ++layer) {
        const auto index = static_cast<std::size_t>(layer);
        const std::int64_t inputs = workload_.inputs_of(layer);
        cpu::multiply_transposed(rows, workload_.hidden, inputs, values_[index].data() + row * inputs,
                                 weights_[index].data(), Accumulate::no,
                                 values_[index + 1].data() + row * workload_.hidden);
      }
    }
  });
}

void Products::predict() {
  cpu::use_single_threaded_blas();
  parallel_for(parts_, [this](std::int64_t part, int) {
    const auto [begin, end] = rows_of(part);
    for (std::int64_t row = begin; row < end; row += chunk_rows_) {
      const std::int64_t rows = std::min(chunk_rows_, end - row);
      const float* x = values_.front().data() + row * workload_.inputs;
      for (std::int64_t layer = 0; layer < workload_.layers; ++layer) {
        const bool last = layer + 1 == workload_.layers;
        float* y = last ? values_.back().data() + row * workload_.hidden : scratch(part, layer);
        cpu::multiply_transposed(rows, workload_.hidden, workload_.inputs_of(layer), x,
                                 weights_[static_cast<std::size_t>(layer)].data(), Accumulate::no, y);
        x = y;
      }
    }
  });
}

void Products::backward() {
  cpu::use_single_threaded_blas();
  parallel_for(parts_, [this](std::int64_t part, int) {
    const auto [begin, end] = rows_of(part);
    auto& gradients = weight_gradients_[static_cast<std::size_t>(part)];
    for (auto& gradient : gradients) std::fill(gradient.begin(), gradient.end(), 0.0F);
    for (std::int64_t row = begin; row < end; row += chunk_rows_) {
      const std::int64_t rows = std::min(chunk_rows_, end - row);
      const float* dy = output_gradient_.data() + row * workload_.hidden;
      for (std::int64_t layer = workload_.layers - 1; layer >= 0; --layer) {
        const auto index = static_cast<std::size_t>(layer);
        const std::int64_t inputs = workload_.inputs_of(layer);
        cpu::multiply_outer(workload_.hidden, inputs, rows, dy, values_[index].data() + row * inputs,
                            Accumulate::yes, gradients[index].data());
        if (layer == 0) break;
        float* dx = scratch(part, layer);
        cpu::multiply(rows, inputs, workload_.hidden, dy, weights_[index].data(), Accumulate::no, dx);
        dy = dx;
      }
    }
  });
}

double Products::checksum() const {
  double sum = 0.0;
  for (const float value : values_.back()) sum += value;
  for (const auto& gradients : weight_gradients_) {
    for (const auto& gradient : gradients) {
      for (const float value : gradient) sum += value;
    }
  }
  return sum;
}

}  // namespace indrnn::benchmarks
