// The activations: value(a) = act(a); gradient(h, g) = act'(a) g, from h = act(a) alone.
#pragma once

#include <cuda_runtime.h>

#include <utility>

#include "layers/activation.hpp"

namespace indrnn::cuda {

struct Relu {
  // 0 only where a < 0: a NaN must stay one.
  template <class T>
  __device__ static T value(T a) {
    return a < T(0) ? T(0) : a;
  }
  template <class T>
  __device__ static T gradient(T h, T g) {
    return h > T(0) ? g : T(0);
  }
};
struct Tanh {
  __device__ static float value(float a) { return tanhf(a); }
  __device__ static double value(double a) { return tanh(a); }
  template <class T>
  __device__ static T gradient(T h, T g) {
    return g - g * h * h;
  }
};
struct Sigmoid {
  __device__ static float value(float a) { return 1.0f / (1.0f + expf(-a)); }
  __device__ static double value(double a) { return 1.0 / (1.0 + exp(-a)); }
  template <class T>
  __device__ static T gradient(T h, T g) {
    return g * h - g * h * h;
  }
};
struct Identity {
  template <class T>
  __device__ static T value(T a) {
    return a;
  }
  template <class T>
  __device__ static T gradient(T, T g) {
    return g;
  }
};

// Calls function(Relu{}) or the like.
template <class Function>
void dispatch_activation(cpu::Activation activation, const Function& function) {
  switch (activation) {
    case cpu::Activation::relu:
      return function(Relu{});
    case cpu::Activation::tanh:
      return function(Tanh{});
    case cpu::Activation::sigmoid:
      return function(Sigmoid{});
    case cpu::Activation::identity:
      return function(Identity{});
  }
}

}  // namespace indrnn::cuda
