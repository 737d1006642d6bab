// LayerNorm over the features of a row: two passes for the statistics, one to write; a row stays in the first cache.
#include <cmath>

#include "backend/cpu/kernels/parts.hpp"
#include "backend/cpu/kernels/vector.hpp"

namespace indrnn::cpu::INDRNN_ISA {
namespace {

// Sum of term(f) over the features, in as many partial sums as a vector has lanes.
template <class T, class Term>
T row_sum(std::int64_t features, const Term& term) {
  constexpr int width = lanes<T>;
  Vector<T> sums = {};
  std::int64_t f = 0;
  for (; f + width <= features; f += width) sums += term.template operator()<Vector<T>>(f);
  T sum = add_lanes<T>(sums);
  for (; f < features; ++f) sum += term.template operator()<Single<T>>(f)[0];
  return sum;
}

template <class T>
struct Moments {
  T mean, inverse;
};

template <class T>
Moments<T> moments(std::int64_t features, double epsilon, const T* x) {
  const T count = static_cast<T>(features);
  const T mean = row_sum<T>(features, [&]<class V>(std::int64_t f) { return load<V>(x + f); }) / count;
  const T variance = row_sum<T>(features,
                                [&]<class V>(std::int64_t f) {
                                  const V difference = load<V>(x + f) - mean;
                                  return difference * difference;
                                }) /
                     count;
  return {mean, T(1) / std::sqrt(variance + static_cast<T>(epsilon))};
}

// y = (x - mean) r * weight + bias
template <class T>
void layer_norm(std::int64_t rows, std::int64_t features, double epsilon, const T* x, const T* weight,
                const T* bias, T* y) {
  for (std::int64_t row = 0; row < rows; ++row, x += features, y += features) {
    const Moments<T> m = moments(features, epsilon, x);
    for_each_block<T, 1>(features, [&]<class V, int N>(std::int64_t f) {
      const V normal = (load<V>(x + f) - m.mean) * m.inverse;
      store<V>(y + f, normal * load<V>(weight + f) + load<V>(bias + f));
    });
  }
}

// What the gradient of a row needs beside the row: its moments, and the means of g and of g x_hat.
template <class T>
struct RowMeans {
  T mean, inverse, g, gx;
};

template <class T>
RowMeans<T> row_means(std::int64_t features, double epsilon, const T* dy, const T* x, const T* weight) {
  const T count = static_cast<T>(features);
  const Moments<T> m = moments(features, epsilon, x);
  const T sum_g =
      row_sum<T>(features, [&]<class V>(std::int64_t f) { return load<V>(dy + f) * load<V>(weight + f); });
  const T sum_gx = row_sum<T>(features, [&]<class V>(std::int64_t f) {
    return load<V>(dy + f) * load<V>(weight + f) * ((load<V>(x + f) - m.mean) * m.inverse);
  });
  return {m.mean, m.inverse, sum_g / count, sum_gx / count};
}

// dx = r (g - mean(g) - x_hat mean(g x_hat));  dweight += sum dy x_hat;  dbias += sum dy. The means of a short run of
// rows come first; then each block of features walks down the run with its sums in registers.
template <class T>
void layer_norm_gradient(std::int64_t rows, std::int64_t features, double epsilon, const T* dy, const T* x,
                         const T* weight, T* dx, double* dweight, double* dbias) {
  for_short_runs(0, rows, [&](std::int64_t start, std::int64_t end) {
    RowMeans<T> means[most_run_rows];
    for (std::int64_t row = start; row < end; ++row) {
      means[row - start] = row_means(features, epsilon, dy + row * features, x + row * features, weight);
    }
    for_each_block<T, 4>(features, [&]<class V, int N>(std::int64_t first) {
      constexpr std::int64_t width = sizeof(V) / sizeof(T);
      V weights[N], weight_sums[N], bias_sums[N];
      for (int n = 0; n < N; ++n) {
        weights[n] = load<V>(weight + first + n * width);
        weight_sums[n] = bias_sums[n] = V{};
      }
      for (std::int64_t row = start; row < end; ++row) {
        const RowMeans<T>& m = means[row - start];
        const std::int64_t at = row * features + first;
        for (int n = 0; n < N; ++n) {
          const V normal = (load<V>(x + at + n * width) - m.mean) * m.inverse;
          const V gradient = load<V>(dy + at + n * width);
          weight_sums[n] += gradient * normal;
          bias_sums[n] += gradient;
          store<V>(dx + at + n * width, m.inverse * (gradient * weights[n] - m.g - normal * m.gx));
        }
      }
      for (int n = 0; n < N; ++n) {
        add_to(dweight + first + n * width, weight_sums[n]);
        add_to(dbias + first + n * width, bias_sums[n]);
      }
    });
  });
}

}  // namespace

template <class T>
void add_layer_norm(Kernels<T>& table) {
  table.layer_norm = layer_norm<T>;
  table.layer_norm_gradient = layer_norm_gradient<T>;
}

template void add_layer_norm(Kernels<float>&);
template void add_layer_norm(Kernels<double>&);

}  // namespace indrnn::cpu::INDRNN_ISA
