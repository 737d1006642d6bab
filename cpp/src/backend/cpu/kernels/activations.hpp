// The activations on vectors, for kernel files only. They are those whose derivative follows from the result alone.
#pragma once

#include "backend/cpu/kernels/math.hpp"
#include "backend/cpu/kernels/vector.hpp"

namespace indrnn::cpu::INDRNN_ISA {

// value(a) = act(a); gradient(h, g) = act'(a) g, from h = act(a) alone.
struct Relu {
  // 0 only where a < 0: a NaN must stay one.
  template <class V>
  static V value(V a) {
    return a < V{} ? V{} : a;
  }
  template <class V>
  static V gradient(V h, V g) {
    return h > V{} ? g : V{};
  }
};
struct Tanh {
  template <class V>
  static V value(V a) {
    return vtanh(a);
  }
  template <class V>
  static V gradient(V h, V g) {
    return g - g * h * h;
  }
};
struct Sigmoid {
  template <class V>
  static V value(V a) {
    return vsigmoid(a);
  }
  template <class V>
  static V gradient(V h, V g) {
    return g * h - g * h * h;
  }
};
struct Identity {
  template <class V>
  static V value(V a) {
    return a;
  }
  template <class V>
  static V gradient(V, V g) {
    return g;
  }
};

}  // namespace indrnn::cpu::INDRNN_ISA
