// What surrounds the matrix products of a Linear: biases, their gradients, and outer products for one to four inputs,
// which would waste a matrix product.
#include "backend/cpu/kernels/parts.hpp"
#include "backend/cpu/kernels/vector.hpp"

namespace indrnn::cpu::INDRNN_ISA {
namespace {

constexpr std::int64_t most_inputs = 4;

// y = x w^T: w of a block of outputs stays in registers, x is broadcast.
template <int I, class T>
void outer_forward_inputs(std::int64_t rows, std::int64_t outputs, const T* x, const T* w, T* y) {
  for_each_block<T, 2>(outputs, [&]<class V, int N>(std::int64_t first) {
    constexpr int width = sizeof(V) / sizeof(T);
    V weight[N][I];
    for (int n = 0; n < N; ++n) {
      for (int i = 0; i < I; ++i) {
        T column[width];
        for (int j = 0; j < width; ++j) column[j] = w[(first + n * width + j) * I + i];
        weight[n][i] = load<V>(column);
      }
    }
    for (std::int64_t row = 0; row < rows; ++row) {
#pragma GCC unroll 8
      for (int n = 0; n < N; ++n) {
        V sum = weight[n][0] * x[row * I];
#pragma GCC unroll 8
        for (int i = 1; i < I; ++i) sum += weight[n][i] * x[row * I + i];
        store<V>(y + row * outputs + first + n * width, sum);
      }
    }
  });
}

// dw += dy^T x
template <int I, class T>
void outer_weight_inputs(std::int64_t rows, std::int64_t outputs, const T* dy, const T* x, T* dw) {
  for_each_block<T, 2>(outputs, [&]<class V, int N>(std::int64_t first) {
    constexpr int width = sizeof(V) / sizeof(T);
    double sums[N * width * I] = {};  // [input][output of the block]
    for_short_runs(0, rows, [&](std::int64_t start, std::int64_t end) {
      V sum[N][I] = {};
      for (std::int64_t row = start; row < end; ++row) {
#pragma GCC unroll 8
        for (int n = 0; n < N; ++n) {
          const V gradient = load<V>(dy + row * outputs + first + n * width);
#pragma GCC unroll 8
          for (int i = 0; i < I; ++i) sum[n][i] += gradient * x[row * I + i];
        }
      }
      for (int n = 0; n < N; ++n) {
        for (int i = 0; i < I; ++i) add_to(sums + (i * N + n) * width, sum[n][i]);
      }
    });
    for (int i = 0; i < I; ++i) {
      for (int j = 0; j < N * width; ++j) dw[(first + j) * I + i] += static_cast<T>(sums[i * N * width + j]);
    }
  });
}

// dx = dy w
template <int I, class T>
void outer_input_inputs(std::int64_t rows, std::int64_t outputs, const T* dy, const T* w, T* dx) {
  for (std::int64_t row = 0; row < rows; ++row) {
    T sum[I] = {};
    for (std::int64_t o = 0; o < outputs; ++o) {
      for (int i = 0; i < I; ++i) sum[i] += dy[row * outputs + o] * w[o * I + i];
    }
    for (int i = 0; i < I; ++i) dx[row * I + i] = sum[i];
  }
}

// Calls body.template operator()<I>() with the run-time number of inputs as a constant.
template <class Body>
void with_inputs(std::int64_t inputs, const Body& body) {
  static_assert(most_inputs == 4);
  if (inputs == 1) return body.template operator()<1>();
  if (inputs == 2) return body.template operator()<2>();
  if (inputs == 3) return body.template operator()<3>();
  body.template operator()<4>();
}

template <class T>
void outer_forward(std::int64_t rows, std::int64_t inputs, std::int64_t outputs, const T* x, const T* w,
                   T* y) {
  with_inputs(inputs, [&]<int I>() { outer_forward_inputs<I>(rows, outputs, x, w, y); });
}

template <class T>
void outer_weight(std::int64_t rows, std::int64_t inputs, std::int64_t outputs, const T* dy, const T* x,
                  T* dw) {
  with_inputs(inputs, [&]<int I>() { outer_weight_inputs<I>(rows, outputs, dy, x, dw); });
}

template <class T>
void outer_input(std::int64_t rows, std::int64_t inputs, std::int64_t outputs, const T* dy, const T* w,
                 T* dx) {
  with_inputs(inputs, [&]<int I>() { outer_input_inputs<I>(rows, outputs, dy, w, dx); });
}

template <class T>
void add_bias(std::int64_t rows, std::int64_t features, const T* bias, T* y) {
  for (std::int64_t row = 0; row < rows; ++row) {
    T* out = y + row * features;
    for (std::int64_t f = 0; f < features; ++f) out[f] += bias[f];
  }
}

template <class T>
void column_sums(std::int64_t rows, std::int64_t features, const T* x, double* sums) {
  for_each_block<T, 4>(features, [&]<class V, int N>(std::int64_t first) {
    constexpr int width = sizeof(V) / sizeof(T);
    for_short_runs(0, rows, [&](std::int64_t start, std::int64_t end) {
      V sum[N] = {};
      for (std::int64_t row = start; row < end; ++row) {
#pragma GCC unroll 8
        for (int n = 0; n < N; ++n) sum[n] += load<V>(x + row * features + first + n * width);
      }
      for (int n = 0; n < N; ++n) add_to(sums + first + n * width, sum[n]);
    });
  });
}

}  // namespace

template <class T>
void add_linear(Kernels<T>& table) {
  table.outer_forward = outer_forward<T>;
  table.outer_weight = outer_weight<T>;
  table.outer_input = outer_input<T>;
  table.add_bias = add_bias<T>;
  table.column_sums = column_sums<T>;
}

template void add_linear(Kernels<float>&);
template void add_linear(Kernels<double>&);

}  // namespace indrnn::cpu::INDRNN_ISA
