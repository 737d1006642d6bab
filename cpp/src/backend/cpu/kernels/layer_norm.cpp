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
  T sum = 0;
  for (int i = 0; i < width; ++i) sum += sums[i];
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

template <class T>
void layer_norm(std::int64_t rows, std::int64_t features, double epsilon, const T* x, const T* weight,
                const T* bias, T* y) {
  for (std::int64_t row = 0; row < rows; ++row, x += features, y += features) {
    const Moments<T> m = moments(features, epsilon, x);
    for (std::int64_t f = 0; f < features; ++f) y[f] = (x[f] - m.mean) * m.inverse * weight[f] + bias[f];
  }
}

template <class T>
void layer_norm_gradient(std::int64_t rows, std::int64_t features, double epsilon, const T* dy, const T* x,
                         const T* weight, T* dx, double* dweight, double* dbias) {
  const T count = static_cast<T>(features);
  for (std::int64_t row = 0; row < rows; ++row, x += features, dy += features, dx += features) {
    const Moments<T> m = moments(features, epsilon, x);
    const T mean_g =
        row_sum<T>(features, [&]<class V>(std::int64_t f) { return load<V>(dy + f) * load<V>(weight + f); }) /
        count;
    const T mean_gx =
        row_sum<T>(features,
                   [&]<class V>(std::int64_t f) {
                     return load<V>(dy + f) * load<V>(weight + f) * ((load<V>(x + f) - m.mean) * m.inverse);
                   }) /
        count;
    for (std::int64_t f = 0; f < features; ++f) {
      const T normal = (x[f] - m.mean) * m.inverse;
      const T gradient = dy[f];
      dweight[f] += static_cast<double>(gradient * normal);
      dbias[f] += static_cast<double>(gradient);
      dx[f] = m.inverse * (gradient * weight[f] - mean_g - normal * mean_gx);
    }
  }
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
