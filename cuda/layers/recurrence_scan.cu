// The recurrence with many chunks of time at once, for few columns and many steps; exact but for rounding.
//
// Forward, ReLU: a step is x -> max(0, u x + z). Such steps compose into x -> clamp(a x + b, lo, hi): the next step takes
// a to u a, b to u b + z, and the bounds to the image of [lo, hi] under u y + z, sorted and cut off at 0. The identity
// has a and b alone. Backward, any activation, h known: g -> alpha g + beta.
//   1. each (chunk, column) composes its steps;
//   2. each column walks its chunks: the state each of them starts from. A chunk whose factors grow past `largest` (where
//      |u| > 1) is walked step by step here instead;
//   3. each (chunk, column) walks its steps from that state, as the sequential kernel does.
// z (dh and h) is read twice, the second time mostly from the L2 cache.
#include <cmath>
#include <type_traits>

#include "layers/recurrence.cuh"

namespace indrnn::cuda {
namespace {

constexpr int threads = 128;

// Beyond this, products of |u| soon overflow.
template <class T>
__device__ T largest() {
  return sizeof(T) == 4 ? T(1e9) : T(1e100);
}

struct Chunks {
  std::int64_t count, steps;  // of each but the last
  __device__ std::int64_t first(std::int64_t chunk) const { return chunk * steps; }
  __device__ std::int64_t end(std::int64_t chunk, std::int64_t valid) const {
    const std::int64_t end = (chunk + 1) * steps;
    return end < valid ? end : valid;
  }
};

// A number for each (chunk, column).
template <class T>
struct Table {
  T* data;
  std::int64_t columns;
  __device__ T get(std::int64_t chunk, std::int64_t column) const {
    return load(data + chunk * columns + column);
  }
  __device__ void set(std::int64_t chunk, std::int64_t column, T value) const {
    store(data + chunk * columns + column, value);
  }
};

// x -> clamp(a x + b, low, high)
template <class T, bool relu>
struct Map {
  T a = T(1), b = T(0), low = -T(INFINITY), high = T(INFINITY);

  __device__ static T image(T bound, T u, T z) { return u == T(0) ? z : u * bound + z; }
  __device__ void then_step(T u, T z) {
    a *= u;
    b = u * b + z;
    if (!relu) return;
    const T one = Relu::value(image(low, u, z)), other = Relu::value(image(high, u, z));
    low = u < T(0) ? other : one;
    high = u < T(0) ? one : other;
  }
  __device__ void reset() {
    a = b = T(0);
    if (relu) low = high = T(0);
  }
  __device__ T operator()(T x) const {
    const T y = a * x + b;
    if (!relu) return y;
    const T cut = y < low ? low : y;
    return cut > high ? high : cut;
  }
  // Not a NaN, and small enough.
  __device__ bool usable() const { return std::fabs(a) <= largest<T>() && std::fabs(b) <= largest<T>(); }
};

template <class T>
struct ForwardTables {
  Table<T> a, b, low, high, start;
};

template <class S, class A, bool masked>
__global__ void __launch_bounds__(threads)
    scan_forward_compose(RecurrenceForward<S> r, Chunks chunks, ForwardTables<Compute<S>> tables) {
  using T = Compute<S>;
  constexpr int depth = forward_depth<S, false>;
  constexpr bool relu = std::is_same_v<A, Relu>;
  const std::int64_t index = std::int64_t{blockIdx.x} * threads + threadIdx.x, chunk = blockIdx.y;
  if (index >= r.rows.columns()) return;
  const Column<masked> column(r.rows, r.resets, index);
  const std::int64_t end = chunks.end(chunk, column.valid);
  const T u = load_constant(r.u + column.feature);
  const T bias = r.bias != nullptr ? load_constant(r.bias + column.feature) : T(0);
  Map<T, relu> map;
  for (std::int64_t t = chunks.first(chunk); t < end; t += depth) {
    T z[depth];
#pragma unroll
    for (int k = 0; k < depth; ++k) z[k] = t + k < end ? load(r.z + (t + k) * column.stride + index) : T(0);
#pragma unroll
    for (int k = 0; k < depth; ++k) {
      if (t + k >= end) break;
      if (column.is_reset(t + k)) map.reset();
      map.then_step(u, z[k] + bias);
    }
  }
  tables.a.set(chunk, index, map.a);
  tables.b.set(chunk, index, map.b);
  if (!relu) return;
  tables.low.set(chunk, index, map.low);
  tables.high.set(chunk, index, map.high);
}

template <class S, class A, bool masked>
__global__ void __launch_bounds__(threads)
    scan_forward_join(RecurrenceForward<S> r, Chunks chunks, ForwardTables<Compute<S>> tables) {
  using T = Compute<S>;
  constexpr bool relu = std::is_same_v<A, Relu>;
  constexpr int depth = 8;
  const std::int64_t index = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (index >= r.rows.columns()) return;
  const Column<masked> column(r.rows, r.resets, index);
  const T u = load_constant(r.u + column.feature);
  const T bias = r.bias != nullptr ? load_constant(r.bias + column.feature) : T(0);
  T h = load(r.before + index);
  for (std::int64_t chunk = 0; chunk < chunks.count; chunk += depth) {
    Map<T, relu> maps[depth];
#pragma unroll
    for (int k = 0; k < depth; ++k) {
      if (chunk + k >= chunks.count) break;
      maps[k].a = tables.a.get(chunk + k, index);
      maps[k].b = tables.b.get(chunk + k, index);
      if (!relu) continue;
      maps[k].low = tables.low.get(chunk + k, index);
      maps[k].high = tables.high.get(chunk + k, index);
    }
#pragma unroll
    for (int k = 0; k < depth; ++k) {
      if (chunk + k >= chunks.count) break;
      tables.start.set(chunk + k, index, h);
      if (maps[k].usable()) {
        h = maps[k](h);
        continue;
      }
      for (std::int64_t t = chunks.first(chunk + k); t < chunks.end(chunk + k, column.valid); ++t) {
        if (column.is_reset(t)) h = T(0);
        h = A::value(load(r.z + t * column.stride + index) + bias + u * h);
      }
    }
  }
}

template <class S, class A, bool masked>
__global__ void __launch_bounds__(threads)
    scan_forward_walk(RecurrenceForward<S> r, Chunks chunks, ForwardTables<Compute<S>> tables) {
  using T = Compute<S>;
  const std::int64_t index = std::int64_t{blockIdx.x} * threads + threadIdx.x, chunk = blockIdx.y;
  if (index >= r.rows.columns()) return;
  const Column<masked> column(r.rows, r.resets, index);
  const std::int64_t first = chunks.first(chunk), end = chunks.end(chunk, column.valid);
  const T h = walk_forward<S, A>(r, column, first, end, tables.start.get(chunk, index));
  const std::int64_t last = chunks.end(chunk, r.rows.steps);
  for (std::int64_t t = first > column.valid ? first : column.valid; t < last; ++t)
    store(r.h + t * column.stride + index, T(0));
  // The chunk of the last real step; the first chunk where there is none.
  if ((first < column.valid || chunk == 0) && end == column.valid) store(r.behind + index, h);
}

// g -> alpha g + beta, from the state behind a chunk to the state before it.
template <class T>
struct BackwardTables {
  Table<T> alpha, beta, start;
};

template <class S, class A, bool masked>
__global__ void __launch_bounds__(threads)
    scan_backward_compose(RecurrenceBackward<S> r, Chunks chunks, BackwardTables<Compute<S>> tables) {
  using T = Compute<S>;
  constexpr int depth = backward_depth<S>;
  const std::int64_t index = std::int64_t{blockIdx.x} * threads + threadIdx.x, chunk = blockIdx.y;
  if (index >= r.rows.columns()) return;
  const Column<masked> column(r.rows, r.resets, index);
  const std::int64_t first = chunks.first(chunk), end = chunks.end(chunk, column.valid);
  const T u = load_constant(r.u + column.feature);
  T alpha = T(1), beta = T(0);
  for (std::int64_t t = end - 1; t >= first; t -= depth) {
    T dh[depth], h[depth];
#pragma unroll
    for (int k = 0; k < depth; ++k) {
      dh[k] = t - k >= first ? load(r.dh + (t - k) * column.stride + index) : T(0);
      h[k] = t - k >= first ? load(r.h + (t - k) * column.stride + index) : T(0);
    }
#pragma unroll
    for (int k = 0; k < depth; ++k) {
      if (t - k < first) break;
      const bool cut = column.is_reset(t - k);
      alpha = cut ? T(0) : u * A::gradient(h[k], alpha);
      beta = cut ? T(0) : u * A::gradient(h[k], dh[k] + beta);
    }
  }
  tables.alpha.set(chunk, index, alpha);
  tables.beta.set(chunk, index, beta);
}

template <class S, class A, bool masked>
__global__ void __launch_bounds__(threads)
    scan_backward_join(RecurrenceBackward<S> r, Chunks chunks, BackwardTables<Compute<S>> tables) {
  using T = Compute<S>;
  constexpr int depth = 8;
  const std::int64_t index = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (index >= r.rows.columns()) return;
  const Column<masked> column(r.rows, r.resets, index);
  const T u = load_constant(r.u + column.feature);
  T g = load(r.state_gradient + index);
  for (std::int64_t chunk = chunks.count - 1; chunk >= 0; chunk -= depth) {
    T alpha[depth], beta[depth];
#pragma unroll
    for (int k = 0; k < depth; ++k) {
      alpha[k] = chunk >= k ? tables.alpha.get(chunk - k, index) : T(0);
      beta[k] = chunk >= k ? tables.beta.get(chunk - k, index) : T(0);
    }
#pragma unroll
    for (int k = 0; k < depth; ++k) {
      if (chunk < k) break;
      tables.start.set(chunk - k, index, g);
      if (std::fabs(alpha[k]) <= largest<T>() && std::fabs(beta[k]) <= largest<T>()) {
        g = alpha[k] * g + beta[k];
        continue;
      }
      for (std::int64_t t = chunks.end(chunk - k, column.valid) - 1; t >= chunks.first(chunk - k); --t) {
        const std::int64_t at = t * column.stride + index;
        g = column.is_reset(t) ? T(0) : u * A::gradient(load(r.h + at), load(r.dh + at) + g);
      }
    }
  }
  store(r.state_gradient + index, g);
}

template <class S, class A, bool masked>
__global__ void __launch_bounds__(threads)
    scan_backward_walk(RecurrenceBackward<S> r, Chunks chunks, BackwardTables<Compute<S>> tables) {
  using T = Compute<S>;
  const std::int64_t index = std::int64_t{blockIdx.x} * threads + threadIdx.x, chunk = blockIdx.y;
  if (index >= r.rows.columns()) return;
  const Column<masked> column(r.rows, r.resets, index);
  const std::int64_t first = chunks.first(chunk), last = chunks.end(chunk, r.rows.steps);
  for (std::int64_t t = first > column.valid ? first : column.valid; t < last; ++t)
    store(r.dz + t * column.stride + index, T(0));
  const BackwardSums<T> sums =
      walk_backward<S, A>(r, column, first, chunks.end(chunk, column.valid), tables.start.get(chunk, index));
  store(r.du + chunk * column.stride + index, sums.du.total);
  if (r.dbias != nullptr) store(r.dbias + chunk * column.stride + index, sums.dbias.total);
}

Chunks cut(std::int64_t steps, std::int64_t chunks) {
  const std::int64_t length = divide_up(steps, chunks);
  return {divide_up(steps, length), length};
}

template <class Kernel, class Arguments, class Tables>
void launch_chunks(const char* name, cudaStream_t stream, Kernel kernel, const Arguments& r,
                   std::int64_t grid_chunks, const Chunks& chunks, const Tables& tables) {
  launch({name, dim3(grid_size(r.rows.columns(), threads), static_cast<unsigned>(grid_chunks)), dim3(threads),
          stream},
         kernel, r, chunks, tables);
}

}  // namespace

template <class S>
void launch_scan_forward(cudaStream_t stream, const RecurrenceForward<S>& r, cpu::Activation activation,
                         std::int64_t chunk_count, Compute<S>* scratch) {
  using T = Compute<S>;
  const Chunks chunks = cut(r.rows.steps, chunk_count);
  const std::int64_t columns = r.rows.columns(), size = chunks.count * columns;
  const auto table = [&](int i) { return Table<T>{scratch + i * size, columns}; };
  const ForwardTables<T> tables{table(0), table(1), table(2), table(3), table(4)};
  const auto run = [&]<class A, bool masked>() {
    launch_chunks("scan_forward_compose", stream, scan_forward_compose<S, A, masked>, r, chunks.count, chunks,
                  tables);
    launch_chunks("scan_forward_join", stream, scan_forward_join<S, A, masked>, r, 1, chunks, tables);
    launch_chunks("scan_forward_walk", stream, scan_forward_walk<S, A, masked>, r, chunks.count, chunks,
                  tables);
  };
  if (activation == cpu::Activation::relu) {
    is_masked(r) ? run.template operator()<Relu, true>() : run.template operator()<Relu, false>();
  } else {
    is_masked(r) ? run.template operator()<Identity, true>() : run.template operator()<Identity, false>();
  }
}

template <class S>
void launch_scan_backward(cudaStream_t stream, const RecurrenceBackward<S>& r, cpu::Activation activation,
                          std::int64_t chunk_count, Compute<S>* scratch) {
  using T = Compute<S>;
  const Chunks chunks = cut(r.rows.steps, chunk_count);
  const std::int64_t columns = r.rows.columns(), size = chunks.count * columns;
  const auto table = [&](int i) { return Table<T>{scratch + i * size, columns}; };
  const BackwardTables<T> tables{table(0), table(1), table(2)};
  const auto run = [&]<class A, bool masked>() {
    launch_chunks("scan_backward_compose", stream, scan_backward_compose<S, A, masked>, r, chunks.count,
                  chunks, tables);
    launch_chunks("scan_backward_join", stream, scan_backward_join<S, A, masked>, r, 1, chunks, tables);
    launch_chunks("scan_backward_walk", stream, scan_backward_walk<S, A, masked>, r, chunks.count, chunks,
                  tables);
  };
  dispatch_activation(activation, [&](auto a) {
    using A = decltype(a);
    is_masked(r) ? run.template operator()<A, true>() : run.template operator()<A, false>();
  });
}

template void launch_scan_forward(cudaStream_t, const RecurrenceForward<float>&, cpu::Activation,
                                  std::int64_t, float*);
template void launch_scan_backward(cudaStream_t, const RecurrenceBackward<float>&, cpu::Activation,
                                   std::int64_t, float*);
template void launch_scan_forward(cudaStream_t, const RecurrenceForward<double>&, cpu::Activation,
                                  std::int64_t, double*);
template void launch_scan_backward(cudaStream_t, const RecurrenceBackward<double>&, cpu::Activation,
                                   std::int64_t, double*);
template void launch_scan_forward(cudaStream_t, const RecurrenceForward<__nv_bfloat16>&, cpu::Activation,
                                  std::int64_t, float*);
template void launch_scan_backward(cudaStream_t, const RecurrenceBackward<__nv_bfloat16>&, cpu::Activation,
                                   std::int64_t, float*);

}  // namespace indrnn::cuda
