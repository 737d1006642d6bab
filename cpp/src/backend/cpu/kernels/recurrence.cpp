// The recurrence in registers: for a block of neurons of one sample, the state stays in registers while time is
// walked; z, h and dh stream through the cache.
#include "backend/cpu/kernels/parts.hpp"

#include "backend/cpu/kernels/activations.hpp"
#include "backend/cpu/kernels/vector.hpp"

namespace indrnn::cpu::INDRNN_ISA {
namespace {

std::int64_t valid_steps(const std::int64_t* valid, std::int64_t sample, std::int64_t steps) {
  return valid != nullptr ? valid[sample] : steps;
}

// h_t = act(z_t + bias + u h_{t-1}) for N vectors of one sample; returns h of the last valid step in `state`.
template <class A, bool Resets, class V, int N, class T>
void forward_block(const RecurrenceForward<T>& r, std::int64_t sample, std::int64_t first) {
  constexpr std::int64_t width = sizeof(V) / sizeof(T);
  const std::int64_t valid = valid_steps(r.valid, sample, r.steps);
  T* state = r.state + sample * r.features + first;
  V h[N], u[N], bias[N];
#pragma GCC unroll 8
  for (int n = 0; n < N; ++n) {
    h[n] = load<V>(state + n * width);
    u[n] = load<V>(r.u + first + n * width);
    bias[n] = r.bias != nullptr ? load<V>(r.bias + first + n * width) : V{};
  }
  const T* z = r.z + sample * r.sample_stride + first;
  T* out = r.h + sample * r.sample_stride + first;
  const std::uint8_t* reset = Resets ? r.resets + sample * r.reset_sample_stride : nullptr;
  for (std::int64_t t = 0; t < valid; ++t) {
    if (Resets && reset[t * r.reset_step_stride] != 0) {
      for (int n = 0; n < N; ++n) h[n] = V{};
    }
#pragma GCC unroll 8
    for (int n = 0; n < N; ++n) {
      h[n] = A::value(load<V>(z + n * width) + bias[n] + u[n] * h[n]);
      store<V>(out + n * width, h[n]);
    }
    z += r.step_stride;
    out += r.step_stride;
  }
  for (std::int64_t t = valid; t < r.steps; ++t, out += r.step_stride) {
    for (int n = 0; n < N; ++n) store<V>(out + n * width, V{});
  }
  for (int n = 0; n < N; ++n) store<V>(state + n * width, h[n]);
}

// g = gradient that reaches h_t from later steps; everything that is summed over time stays in registers.
template <class A, bool Resets, class V, int N, class T>
void backward_block(const RecurrenceBackward<T>& r, std::int64_t sample, std::int64_t first) {
  constexpr std::int64_t width = sizeof(V) / sizeof(T);
  const std::int64_t valid = valid_steps(r.valid, sample, r.steps);
  const std::int64_t base = sample * r.sample_stride + first;
  T* dz = r.dz + base;
  for (std::int64_t t = valid; t < r.steps; ++t) {
    for (int n = 0; n < N; ++n) store<V>(dz + t * r.step_stride + n * width, V{});
  }
  if (valid == 0) return;

  T* state_gradient = r.state_gradient + sample * r.features + first;
  const T* state = r.state + sample * r.features + first;
  const T* h = r.h + base;
  const T* dh = r.dh + base;
  const std::uint8_t* reset = Resets ? r.resets + sample * r.reset_sample_stride : nullptr;
  V g[N], u[N], du[N], db[N], now[N];
#pragma GCC unroll 8
  for (int n = 0; n < N; ++n) {
    g[n] = load<V>(state_gradient + n * width);
    u[n] = load<V>(r.u + first + n * width);
    now[n] = load<V>(h + (valid - 1) * r.step_stride + n * width);
    du[n] = db[n] = V{};
  }
  for (std::int64_t t = valid - 1; t >= 0; --t) {
    const T* before = t > 0 ? h + (t - 1) * r.step_stride : state;
    const bool cut = Resets && reset[t * r.reset_step_stride] != 0;
    const std::int64_t row = t * r.step_stride;
#pragma GCC unroll 8
    for (int n = 0; n < N; ++n) {
      const V previous = load<V>(before + n * width);
      const V gradient = A::gradient(now[n], load<V>(dh + row + n * width) + g[n]);
      store<V>(dz + row + n * width, gradient);
      db[n] += gradient;
      if (!Resets || !cut) du[n] += gradient * previous;
      g[n] = (Resets && cut) ? V{} : u[n] * gradient;
      now[n] = previous;
    }
  }
  for (int n = 0; n < N; ++n) {
    store<V>(state_gradient + n * width, g[n]);
    add_to(r.du + first + n * width, du[n]);
    if (r.dbias != nullptr) add_to(r.dbias + first + n * width, db[n]);
  }
}

template <class T, class A, bool Resets>
void forward_all(const RecurrenceForward<T>& r) {
  constexpr int blocks =
      registers == 32 ? 8 : 4;  // h, u, bias of a block fill three quarters of the registers
  for (std::int64_t sample = 0; sample < r.samples; ++sample) {
    for_each_block<T, blocks>(r.features, [&]<class V, int N>(std::int64_t first) {
      forward_block<A, Resets, V, N>(r, sample, first);
    });
  }
}

template <class T, class A, bool Resets>
void backward_all(const RecurrenceBackward<T>& r) {
  constexpr int blocks = registers == 32 ? 4 : 2;  // five registers for each vector of a block
  for (std::int64_t sample = 0; sample < r.samples; ++sample) {
    for_each_block<T, blocks>(r.features, [&]<class V, int N>(std::int64_t first) {
      backward_block<A, Resets, V, N>(r, sample, first);
    });
  }
}

template <class T, class A>
void forward(const RecurrenceForward<T>& r) {
  r.resets != nullptr ? forward_all<T, A, true>(r) : forward_all<T, A, false>(r);
}

template <class T, class A>
void backward(const RecurrenceBackward<T>& r) {
  r.resets != nullptr ? backward_all<T, A, true>(r) : backward_all<T, A, false>(r);
}

}  // namespace

template <class T>
void add_recurrence(Kernels<T>& table) {  // in the order of enum Activation
  table.recurrence_forward[0] = forward<T, Relu>;
  table.recurrence_forward[1] = forward<T, Tanh>;
  table.recurrence_forward[2] = forward<T, Sigmoid>;
  table.recurrence_forward[3] = forward<T, Identity>;
  table.recurrence_backward[0] = backward<T, Relu>;
  table.recurrence_backward[1] = backward<T, Tanh>;
  table.recurrence_backward[2] = backward<T, Sigmoid>;
  table.recurrence_backward[3] = backward<T, Identity>;
}

template void add_recurrence(Kernels<float>&);
template void add_recurrence(Kernels<double>&);

}  // namespace indrnn::cpu::INDRNN_ISA
