#include "backend/cpu/kernels/softmax_cross_entropy.hpp"

#include <cmath>
#include <cstring>

#include "backend/cpu/kernels/math.hpp"
#include "backend/cpu/kernels/vector.hpp"

namespace indrnn::cpu::INDRNN_ISA {
namespace {

template <class T>
constexpr T lowest = -static_cast<T>(__builtin_inf());

// The vector that ends a row of `count` elements. It overlaps the one before; a row shorter than a vector is filled up
// with `lowest`, whose exponential is 0.
template <class T>
Vector<T> load_end(const T* row, std::int64_t count) {
  if (count >= lanes<T>) return load<Vector<T>>(row + count - lanes<T>);
  T padded[lanes<T>];
  for (int lane = 0; lane < lanes<T>; ++lane) padded[lane] = lane < count ? row[lane] : lowest<T>;
  return load<Vector<T>>(padded);
}

template <class T>
void store_end(T* row, std::int64_t count, Vector<T> v) {
  if (count >= lanes<T>)
    store(row + count - lanes<T>, v);
  else
    std::memcpy(row, &v, static_cast<std::size_t>(count) * sizeof(T));
}

// Halves a vector until it is 16 bytes wide, combining the halves.
template <class T, int bytes, class Combine>
auto fold(typename VectorOf<T, bytes>::type v, const Combine& combine) {
  if constexpr (bytes == 16) {
    return v;
  } else {
    typename VectorOf<T, bytes / 2>::type halves[2];
    std::memcpy(halves, &v, bytes);
    return fold<T, bytes / 2>(combine(halves[0], halves[1]), combine);
  }
}

template <class T>
double lane_sum(Vector<T> v) {
  using Wide = Vector<double>;
  using Narrow = typename VectorOf<T, lanes<double> * sizeof(T)>::type;
  constexpr int parts = lanes<T> / lanes<double>;
  Narrow narrow[parts];
  std::memcpy(narrow, &v, sizeof(v));
  Wide sum{};
  for (const Narrow& part : narrow) sum += __builtin_convertvector(part, Wide);
  const auto pair = fold<double, vector_bytes>(sum, [](auto a, auto b) { return a + b; });
  return pair[0] + pair[1];
}

template <class T>
T row_maximum(const T* row, std::int64_t count) {
  using V = Vector<T>;
  const auto larger = [](auto a, auto b) {
    return b > a ? b : a;
  };  // ignores NaN, which the exponentials show
  V highest = load_end(row, count);
  V others[3] = {highest, highest, highest};
  std::int64_t i = 0;
  for (; i + 4 * lanes<T> <= count; i += 4 * lanes<T>) {
    highest = larger(highest, load<V>(row + i));
    for (int part = 0; part < 3; ++part)
      others[part] = larger(others[part], load<V>(row + i + (part + 1) * lanes<T>));
  }
  for (; i + lanes<T> <= count; i += lanes<T>) highest = larger(highest, load<V>(row + i));
  for (const V& other : others) highest = larger(highest, other);
  const auto few = fold<T, vector_bytes>(highest, larger);
  T result = few[0];
  for (int lane = 1; lane < static_cast<int>(16 / sizeof(T)); ++lane)
    result = few[lane] > result ? few[lane] : result;
  return result;
}

// The sum of e^(x - maximum), and these values themselves into `values` unless it is null, which may be the row. NaN
// gives NaN.
template <class T>
double exponentials(const T* row, std::int64_t count, T maximum, T* values) {
  using V = Vector<T>;
  constexpr std::int64_t group = 64 * lanes<T>;  // summed in T, before it is added to the float64 sum
  // Loaded before the row may be overwritten. The lanes that overlap get the same values once more.
  const V end = vexp(load_end(row, count) - maximum);
  double sum = 0;
  std::int64_t i = 0;
  while (i + lanes<T> <= count) {
    const std::int64_t stop = i + group < count ? i + group : count;
    V partial{};
    for (; i + lanes<T> <= stop; i += lanes<T>) {
      const V e = vexp(load<V>(row + i) - maximum);
      partial += e;
      if (values != nullptr) store(values + i, e);
    }
    sum += lane_sum<T>(partial);
  }
  if (i < count) {
    const std::int64_t overlap = count < lanes<T> ? 0 : lanes<T> - (count - i);
    T rest[lanes<T>];
    store(rest, end);
    for (std::int64_t lane = 0; lane < lanes<T>; ++lane) rest[lane] = lane < overlap ? T{0} : rest[lane];
    sum += lane_sum<T>(load<V>(rest));
    if (values != nullptr) store_end(values, count, end);
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
