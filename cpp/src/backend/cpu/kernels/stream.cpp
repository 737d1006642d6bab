// The weights are read once per step and from the second-level cache: what counts is one long run of loads. A panel of
// N vectors of outputs stays in registers while its inputs are walked; its weights lie in that order.
#include "backend/cpu/kernels/stream.hpp"

#include "backend/cpu/kernels/math.hpp"
#include "backend/cpu/kernels/vector.hpp"

namespace indrnn::cpu::INDRNN_ISA {
namespace {

// Sums that grow side by side, to hide the latency of a multiply-add.
constexpr int sums = 8;

// panel.template operator()<N>(first vector): N = 8 as often as it fits, then 4, 2, 1.
template <class Panel>
void for_each_panel(std::int64_t vectors, const Panel& panel) {
  std::int64_t first = 0;
  for (; first + 8 <= vectors; first += 8) panel.template operator()<8>(first);
  if (first + 4 <= vectors) panel.template operator()<4>(first), first += 4;
  if (first + 2 <= vectors) panel.template operator()<2>(first), first += 2;
  if (first < vectors) panel.template operator()<1>(first);
}

template <class V>
INDRNN_INLINE V activate(Activation activation, V a) {
  switch (activation) {
    case Activation::relu:
      return a < V{} ? V{} : a;  // a NaN must stay one
    case Activation::tanh:
      return vtanh(a);
    case Activation::sigmoid:
      return vsigmoid(a);
    default:
      return a;
  }
}

// R rows from `row`, N vectors of outputs from element `first`.
template <class T, int N, int R>
void run_panel(const StreamLayer<T>& s, std::int64_t row, std::int64_t first, const T* weights) {
  using V = Vector<T>;
  constexpr int U = N * R >= sums ? 1 : sums / (N * R);  // inputs at a time
  V total[U][R][N] = {};
  const T* x = s.x + row * s.x_stride;
  T* h = s.h + row * s.h_stride + first;
  std::int64_t i = 0;
  for (; i + U <= s.inputs; i += U) {
#pragma GCC unroll 8
    for (int u = 0; u < U; ++u) {
#pragma GCC unroll 8
      for (int n = 0; n < N; ++n) {
        const V w = load<V>(weights + ((i + u) * N + n) * lanes<T>);
#pragma GCC unroll 4
        for (int r = 0; r < R; ++r) total[u][r][n] += w * x[r * s.x_stride + i + u];
      }
    }
  }
  for (; i < s.inputs; ++i) {
    for (int n = 0; n < N; ++n) {
      const V w = load<V>(weights + (i * N + n) * lanes<T>);
      for (int r = 0; r < R; ++r) total[0][r][n] += w * x[r * s.x_stride + i];
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 8
    for (int n = 0; n < N; ++n) {
      const std::int64_t at = n * lanes<T>;
      V a = load<V>(s.bias + first + at);
      for (int u = 0; u < U; ++u) a += total[u][r][n];
      if (s.z != nullptr) a += load<V>(s.z + (row + r) * s.z_stride + first + at);
      T* to = h + r * s.h_stride + at;
      if (s.u == nullptr) {
        store<V>(to, activate(s.activation, a));
        continue;
      }
      const V before = load<V>(to);
      const V now = activate(s.activation, a + load<V>(s.u + first + at) * before);
      store<V>(to, s.zoneout == T(0) ? now : s.zoneout * before + (T(1) - s.zoneout) * now);
    }
  }
}

template <class T>
void layer(const StreamLayer<T>& s) {
  for_each_panel(s.outputs / lanes<T>, [&]<int N>(std::int64_t vector) {
    constexpr int most_rows = registers / (2 * N) >= 4 ? 4 : registers / (2 * N) >= 2 ? 2 : 1;
    const std::int64_t first = vector * lanes<T>;
    const T* weights = s.weights + first * s.inputs;
    std::int64_t row = 0;
    for (; row + most_rows <= s.rows; row += most_rows) run_panel<T, N, most_rows>(s, row, first, weights);
    for (; row < s.rows; ++row) run_panel<T, N, 1>(s, row, first, weights);
  });
}

template <class T>
void pack(std::int64_t rows, std::int64_t inputs, std::int64_t outputs, const double* weights, T* packed) {
  for_each_panel(outputs / lanes<T>, [&]<int N>(std::int64_t vector) {
    constexpr std::int64_t width = N * lanes<T>;
    const std::int64_t first = vector * lanes<T>;
    T* to = packed + first * inputs;
    for (std::int64_t i = 0; i < inputs; ++i) {
      for (std::int64_t o = 0; o < width; ++o) {
        *to++ = first + o < rows ? static_cast<T>(weights[(first + o) * inputs + i]) : T(0);
      }
    }
  });
}

}  // namespace

template <class T>
StreamKernels<T> stream_kernels() {
  return {lanes<T>, layer<T>, pack<T>};
}

template StreamKernels<float> stream_kernels();
template StreamKernels<double> stream_kernels();

}  // namespace indrnn::cpu::INDRNN_ISA
