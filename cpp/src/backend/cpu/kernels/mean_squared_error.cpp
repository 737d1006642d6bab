#include "backend/cpu/kernels/mean_squared_error.hpp"

#include "backend/cpu/kernels/vector.hpp"

namespace indrnn::cpu::INDRNN_ISA {
namespace {

template <class T>
double squared_error(std::int64_t count, const T* prediction, const T* target, T scale, T* gradient) {
  using V = Vector<T>;
  constexpr std::int64_t group = 64 * lanes<T>;  // summed in T, before it is added to the float64 sum
  double sum = 0;
  std::int64_t i = 0;
  while (i + lanes<T> <= count) {
    const std::int64_t end = i + group < count ? i + group : count;
    V partial{};
    for (; i + lanes<T> <= end; i += lanes<T>) {
      const V difference = load<V>(prediction + i) - load<V>(target + i);
      partial += difference * difference;
      if (gradient != nullptr) store(gradient + i, difference * scale);
    }
    for (int lane = 0; lane < lanes<T>; ++lane) sum += static_cast<double>(partial[lane]);
  }
  for (; i < count; ++i) {
    const T difference = prediction[i] - target[i];
    sum += static_cast<double>(difference) * static_cast<double>(difference);
    if (gradient != nullptr) gradient[i] = difference * scale;
  }
  return sum;
}

}  // namespace

template <class T>
SquaredErrorKernels<T> squared_error_kernels() {
  return {squared_error<T>};
}

template SquaredErrorKernels<float> squared_error_kernels();
template SquaredErrorKernels<double> squared_error_kernels();

}  // namespace indrnn::cpu::INDRNN_ISA
