#include "backend/cpu/kernels/optimizer.hpp"

#include "backend/cpu/kernels/vector.hpp"

namespace indrnn::cpu::INDRNN_ISA {
namespace {

inline float square_root(float x) { return __builtin_sqrtf(x); }
inline double square_root(double x) { return __builtin_sqrt(x); }

// Plain loops over restricted pointers: the compiler makes vectors of them, the square root included.
template <class T>
void adam(const AdamUpdate<T>& update) {
  const AdamUpdate<T> a = update;
  const T* __restrict__ gradient = a.gradient;
  T* __restrict__ weight = a.weight;
  T* __restrict__ first_moment = a.first_moment;
  T* __restrict__ second_moment = a.second_moment;
  for (std::int64_t i = 0; i < a.count; ++i) {
    const T g = gradient[i] + a.gradient_decay * weight[i];
    const T m = a.beta1 * first_moment[i] + a.one_minus_beta1 * g;
    const T v = a.beta2 * second_moment[i] + a.one_minus_beta2 * (g * g);
    first_moment[i] = m;
    second_moment[i] = v;
    weight[i] = weight[i] * a.keep - a.step_size * (m / (square_root(v) * a.root_scale + a.epsilon));
  }
}

template <class T>
void sgd(const SgdUpdate<T>& update) {
  const SgdUpdate<T> s = update;
  const T* __restrict__ gradient = s.gradient;
  T* __restrict__ weight = s.weight;
  T* __restrict__ velocity = s.velocity;
  if (s.momentum == 0) {
    for (std::int64_t i = 0; i < s.count; ++i)
      weight[i] -= s.lr * (gradient[i] + s.gradient_decay * weight[i]);
    return;
  }
  // The step is g + momentum * velocity with Nesterov, otherwise the velocity.
  const T gradient_part = s.nesterov ? T{1} : T{0};
  const T velocity_part = s.nesterov ? s.momentum : T{1};
  for (std::int64_t i = 0; i < s.count; ++i) {
    const T g = gradient[i] + s.gradient_decay * weight[i];
    const T v = s.momentum * velocity[i] + g;
    velocity[i] = v;
    weight[i] -= s.lr * (gradient_part * g + velocity_part * v);
  }
}

template <class T>
void clamp(std::int64_t count, T limit, T* values) {
  for (std::int64_t i = 0; i < count; ++i) {
    const T low = values[i] < -limit ? -limit : values[i];
    values[i] = low > limit ? limit : low;
  }
}

template <class T>
void scale(std::int64_t count, T factor, T* values) {
  for (std::int64_t i = 0; i < count; ++i) values[i] *= factor;
}

template <class T>
double sum_of_squares(std::int64_t count, const T* values) {
  using Wide = Vector<double>;
  using Narrow = typename VectorOf<T, lanes<double> * sizeof(T)>::type;
  constexpr int parts = 4;  // independent sums, to hide the latency of an addition
  Wide sums[parts] = {};
  std::int64_t i = 0;
  for (; i + parts * lanes<double> <= count; i += parts * lanes<double>)
    for (int part = 0; part < parts; ++part) {
      const Wide x = __builtin_convertvector(load<Narrow>(values + i + part * lanes<double>), Wide);
      sums[part] += x * x;
    }
  double sum = 0;
  for (; i < count; ++i) sum += static_cast<double>(values[i]) * static_cast<double>(values[i]);
  const Wide total = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  for (int lane = 0; lane < lanes<double>; ++lane) sum += total[lane];
  return sum;
}

}  // namespace

template <class T>
OptimizerKernels<T> optimizer_kernels() {
  return {adam<T>, sgd<T>, clamp<T>, scale<T>, sum_of_squares<T>};
}

template OptimizerKernels<float> optimizer_kernels();
template OptimizerKernels<double> optimizer_kernels();

}  // namespace indrnn::cpu::INDRNN_ISA
