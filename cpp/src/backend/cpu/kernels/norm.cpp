// Passes of BatchNorm and Dropout over a chunk that is hot in the cache.
#include "backend/cpu/kernels/parts.hpp"
#include "backend/cpu/kernels/vector.hpp"

namespace indrnn::cpu::INDRNN_ISA {
namespace {

// Calls body(first_row, end_row) for short runs of valid rows.
template <class Body>
void for_valid_rows(const Rows& rows, const Body& body) {
  for (std::int64_t sample = 0; sample < rows.samples; ++sample) {
    const std::int64_t valid = rows.valid != nullptr ? rows.valid[sample] : rows.steps;
    for_short_runs(sample * rows.steps, sample * rows.steps + valid, body);
  }
}

template <class T>
void norm_statistics(const Rows& rows, const T* x, const T* shift, double* sums, double* squares) {
  for_each_block<T, 4>(rows.features, [&]<class V, int N>(std::int64_t first) {
    constexpr int width = sizeof(V) / sizeof(T);
    V center[N];
    for (int n = 0; n < N; ++n) center[n] = load<V>(shift + first + n * width);
    for_valid_rows(rows, [&](std::int64_t start, std::int64_t end) {
      V sum[N] = {}, square[N] = {};
      for (std::int64_t row = start; row < end; ++row) {
#pragma GCC unroll 8
        for (int n = 0; n < N; ++n) {
          const V difference = load<V>(x + row * rows.features + first + n * width) - center[n];
          sum[n] += difference;
          square[n] += difference * difference;
        }
      }
      for (int n = 0; n < N; ++n) {
        add_to(sums + first + n * width, sum[n]);
        add_to(squares + first + n * width, square[n]);
      }
    });
  });
}

template <class T>
void scale_offset(std::int64_t rows, std::int64_t features, const T* x, const T* scale, const T* offset,
                  T* y) {
  for_each_block<T, 4>(features, [&]<class V, int N>(std::int64_t first) {
    constexpr int width = sizeof(V) / sizeof(T);
    V a[N], b[N];
    for (int n = 0; n < N; ++n) {
      a[n] = load<V>(scale + first + n * width);
      b[n] = load<V>(offset + first + n * width);
    }
    for (std::int64_t row = 0; row < rows; ++row) {
#pragma GCC unroll 8
      for (int n = 0; n < N; ++n) {
        const std::int64_t at = row * features + first + n * width;
        store<V>(y + at, load<V>(x + at) * a[n] + b[n]);
      }
    }
  });
}

template <class T>
void norm_gradient_sums(const Rows& rows, const T* dy, const T* x, const T* mean, double* sum_dy,
                        double* sum_dy_x) {
  for_each_block<T, 4>(rows.features, [&]<class V, int N>(std::int64_t first) {
    constexpr int width = sizeof(V) / sizeof(T);
    V center[N];
    for (int n = 0; n < N; ++n) center[n] = load<V>(mean + first + n * width);
    for_valid_rows(rows, [&](std::int64_t start, std::int64_t end) {
      V sum[N] = {}, product[N] = {};
      for (std::int64_t row = start; row < end; ++row) {
#pragma GCC unroll 8
        for (int n = 0; n < N; ++n) {
          const std::int64_t at = row * rows.features + first + n * width;
          const V gradient = load<V>(dy + at);
          sum[n] += gradient;
          product[n] += gradient * (load<V>(x + at) - center[n]);
        }
      }
      for (int n = 0; n < N; ++n) {
        add_to(sum_dy + first + n * width, sum[n]);
        add_to(sum_dy_x + first + n * width, product[n]);
      }
    });
  });
}

template <class T>
void norm_gradient(const Rows& rows, const T* dy, const T* x, const T* mean, const T* a, const T* b,
                   const T* c, T* dx) {
  for_each_block<T, 2>(rows.features, [&]<class V, int N>(std::int64_t first) {
    constexpr int width = sizeof(V) / sizeof(T);
    V slope[N], curve[N], center[N], rest[N];
    for (int n = 0; n < N; ++n) {
      slope[n] = load<V>(a + first + n * width);
      curve[n] = load<V>(b + first + n * width);
      center[n] = load<V>(mean + first + n * width);
      rest[n] = load<V>(c + first + n * width);
    }
    for (std::int64_t sample = 0; sample < rows.samples; ++sample) {
      const std::int64_t valid = rows.valid != nullptr ? rows.valid[sample] : rows.steps;
      std::int64_t row = sample * rows.steps;
      for (; row < sample * rows.steps + valid; ++row) {
#pragma GCC unroll 8
        for (int n = 0; n < N; ++n) {
          const std::int64_t at = row * rows.features + first + n * width;
          store<V>(dx + at,
                   slope[n] * load<V>(dy + at) + (curve[n] * (load<V>(x + at) - center[n]) + rest[n]));
        }
      }
      for (; row < (sample + 1) * rows.steps; ++row) {
        for (int n = 0; n < N; ++n) store<V>(dx + row * rows.features + first + n * width, V{});
      }
    }
  });
}

template <class T>
void multiply_mask(std::int64_t samples, std::int64_t steps, std::int64_t features, const T* x, const T* mask,
                   T* y) {
  for (std::int64_t row = 0; row < samples * steps; ++row) {
    const T* factor = mask + row / steps * features;
    const T* from = x + row * features;
    T* to = y + row * features;
    for (std::int64_t f = 0; f < features; ++f) to[f] = from[f] * factor[f];
  }
}

}  // namespace

template <class T>
void add_norm(Kernels<T>& table) {
  table.norm_statistics = norm_statistics<T>;
  table.scale_offset = scale_offset<T>;
  table.norm_gradient_sums = norm_gradient_sums<T>;
  table.norm_gradient = norm_gradient<T>;
  table.multiply_mask = multiply_mask<T>;
}

template void add_norm(Kernels<float>&);
template void add_norm(Kernels<double>&);

}  // namespace indrnn::cpu::INDRNN_ISA
