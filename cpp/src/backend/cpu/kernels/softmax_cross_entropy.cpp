#include "backend/cpu/kernels/softmax_cross_entropy.hpp"

#include <cmath>
#include <cstring>

#include "backend/cpu/kernels/math.hpp"
#include "backend/cpu/kernels/vector.hpp"

namespace indrnn::cpu::INDRNN_ISA {
namespace {

// A row's last elements that do not fill a vector; the other lanes hold `rest`.
template <class T>
Vector<T> load_tail(const T* from, std::int64_t count, T rest) {
  Vector<T> v = Vector<T>{} + rest;
  for (std::int64_t lane = 0; lane < count; ++lane) v[lane] = from[lane];
  return v;
}

template <class T>
double lane_sum(Vector<T> v) {
  double sum = 0;
  for (int lane = 0; lane < lanes<T>; ++lane) sum += static_cast<double>(v[lane]);
  return sum;
}

template <class T>
T row_maximum(const T* row, std::int64_t count) {
  using V = Vector<T>;
  const T lowest = -static_cast<T>(__builtin_inf());
  V highest[4] = {V{} + lowest, V{} + lowest, V{} + lowest, V{} + lowest};
  std::int64_t i = 0;
  for (; i + 4 * lanes<T> <= count; i += 4 * lanes<T>)
    for (int part = 0; part < 4; ++part) {
      const V x = load<V>(row + i + part * lanes<T>);
      highest[part] = x > highest[part] ? x : highest[part];
    }
  for (; i < count; i += lanes<T>) {
    const V x = i + lanes<T> <= count ? load<V>(row + i) : load_tail(row + i, count - i, lowest);
    highest[0] = x > highest[0] ? x : highest[0];
  }
  T result = lowest;
  for (const V& part : highest)
    for (int lane = 0; lane < lanes<T>; ++lane) result = part[lane] > result ? part[lane] : result;
  return result;
}

// The sum of e^(x - maximum), and these values themselves into `values` unless it is null. NaN gives NaN.
template <class T>
double exponentials(const T* row, std::int64_t count, T maximum, T* values) {
  using V = Vector<T>;
  constexpr std::int64_t group = 64 * lanes<T>;  // summed in T, before it is added to the float64 sum
  const T lowest = -static_cast<T>(__builtin_inf());
  double sum = 0;
  for (std::int64_t begin = 0; begin < count; begin += group) {
    const std::int64_t end = begin + group < count ? begin + group : count;
    V partial{};
    std::int64_t i = begin;
    for (; i + lanes<T> <= end; i += lanes<T>) {
      const V e = vexp(load<V>(row + i) - maximum);
      partial += e;
      if (values != nullptr) store(values + i, e);
    }
    if (i < end) {
      const V e = vexp(load_tail(row + i, end - i, lowest) - maximum);
      for (std::int64_t lane = 0; lane < end - i; ++lane) {
        partial[lane] += e[lane];
        if (values != nullptr) values[i + lane] = e[lane];
      }
    }
    sum += lane_sum<T>(partial);
  }
  return sum;
}

template <class T>
double cross_entropy_row(const T* row, std::int64_t count, std::int64_t target, double scale, T* gradient) {
  const T maximum = row_maximum(row, count);
  const double target_logit =
      static_cast<double>(row[target]) - static_cast<double>(maximum);  // before it is overwritten
  const double sum = exponentials(row, count, maximum, gradient);
  if (gradient != nullptr) {
    const double target_probability = static_cast<double>(gradient[target]) / sum;
    const T factor = static_cast<T>(scale / sum);
    for (std::int64_t i = 0; i < count; ++i) gradient[i] *= factor;
    gradient[target] = static_cast<T>((target_probability - 1) * scale);
  }
  return __builtin_log(sum) - target_logit;
}

template <class T>
double cross_entropy(const CrossEntropyRows<T>& r) {
  double sum = 0;
  for (std::int64_t row = 0; row < r.rows; ++row) {
    T* gradient = r.gradient != nullptr ? r.gradient + row * r.classes : nullptr;
    if (r.mask == nullptr || r.mask[row] != 0)
      sum += cross_entropy_row(r.logits + row * r.classes, r.classes, r.targets[row], r.scale, gradient);
    else if (gradient != nullptr)
      std::memset(gradient, 0, static_cast<std::size_t>(r.classes) * sizeof(T));
  }
  return sum;
}

}  // namespace

template <class T>
SoftmaxKernels<T> softmax_kernels() {
  return {cross_entropy<T>};
}

template SoftmaxKernels<float> softmax_kernels();
template SoftmaxKernels<double> softmax_kernels();

}  // namespace indrnn::cpu::INDRNN_ISA
