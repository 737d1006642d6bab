// Compiled once per instruction set, like the kernels.
#include "per_isa/vector_math_arrays.hpp"

#include "backend/cpu/kernels/math.hpp"

namespace indrnn::cpu::INDRNN_ISA {
namespace {

struct Exp {
  template <class V>
  static V of(V x) {
    return vexp(x);
  }
};
struct Sigmoid {
  template <class V>
  static V of(V x) {
    return vsigmoid(x);
  }
};
struct Tanh {
  template <class V>
  static V of(V x) {
    return vtanh(x);
  }
};

template <class Function, class V, class T>
void apply(std::int64_t count, const T* in, T* out) {
  constexpr std::int64_t width = sizeof(V) / sizeof(T);
  for (std::int64_t i = 0; i < count; i += width) {
    const std::int64_t used = count - i < width ? count - i : width;
    V x{};
    for (std::int64_t lane = 0; lane < used; ++lane) x[lane] = in[i + lane];
    const V y = Function::of(x);
    for (std::int64_t lane = 0; lane < used; ++lane) out[i + lane] = y[lane];
  }
}

}  // namespace

template <class T>
MathArrays<T> math_arrays() {
  using V = Vector<T>;
  using S = Single<T>;
  return {apply<Exp, V, T>, apply<Sigmoid, V, T>, apply<Tanh, V, T>,
          apply<Exp, S, T>, apply<Sigmoid, S, T>, apply<Tanh, S, T>};
}

template MathArrays<float> math_arrays();
template MathArrays<double> math_arrays();

}  // namespace indrnn::cpu::INDRNN_ISA
