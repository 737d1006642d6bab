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
#include <type_traits>

#include "layers/recurrence.cuh"
#include "layers/recurrence_maps.cuh"

namespace indrnn::cuda {
namespace {

constexpr int threads = recurrence_threads, blocks = 4;  // on a multiprocessor, as scan_choice.hpp has it
constexpr int join_threads = 32;                         // few columns spread over many multiprocessors

template <class A, class T>
using ForwardMapOf = ForwardMap<T, std::is_same_v<A, Relu>>;

struct Chunks {
  std::int64_t count, steps;  // of each but the last
  __device__ std::int64_t first(std::int64_t chunk) const { return chunk * steps; }
  __device__ std::int64_t end(std::int64_t chunk, std::int64_t valid) const {
    const std::int64_t end = (chunk + 1) * steps;
    return end < valid ? end : valid;
  }
};

template <class S, class A, bool with_resets>
__global__ void __launch_bounds__(threads, blocks)
    scan_forward_compose(RecurrenceForward<S> r, Chunks chunks, MapTables<Compute<S>> tables) {
  using T = Compute<S>;
  const std::int64_t index = std::int64_t{blockIdx.x} * threads + threadIdx.x, chunk = blockIdx.y;
  if (index >= r.rows.columns()) return;
  const Column<with_resets> column(r.rows, r.resets, index);
  const std::int64_t end = chunks.end(chunk, column.valid);
  const T u = load_constant(r.u + column.feature);
  const T bias = r.bias != nullptr ? load_constant(r.bias + column.feature) : T(0);
  ForwardMapOf<A, T> map;
  auto reading = column.reading(chunks.first(chunk), 1, r.z);
  reading.again = true;
  read_steps<scan_forward_depth<with_resets>, with_resets>(reading, end - chunks.first(chunk),
                                                           [&](const S(&z)[1], bool reset) {
                                                             if (reset) map.reset();
                                                             map.then_step(u, widen(z[0]) + bias);
                                                           });
  tables.set(chunk, index, map);
}

template <class S, class A, bool with_resets>
__global__ void __launch_bounds__(join_threads)
    scan_forward_join(RecurrenceForward<S> r, Chunks chunks, MapTables<Compute<S>> tables) {
  using T = Compute<S>;
  const std::int64_t index = std::int64_t{blockIdx.x} * join_threads + threadIdx.x;
  if (index >= r.rows.columns()) return;
  const Column<with_resets> column(r.rows, r.resets, index);
  const T u = load_constant(r.u + column.feature);
  const T bias = r.bias != nullptr ? load_constant(r.bias + column.feature) : T(0);
  join_chunks<ForwardMapOf<A, T>>(tables, index, 1, load(r.before + index), [&](std::int64_t chunk, T h) {
#pragma unroll 1
    for (std::int64_t t = chunks.first(chunk); t < chunks.end(chunk, column.valid); ++t) {
      if (column.is_reset(t)) h = T(0);
      h = A::value(load(r.z + t * column.stride + index) + bias + u * h);
    }
    return h;
  });
}

template <class S, class A, bool with_resets>
__global__ void __launch_bounds__(threads, blocks)
    scan_forward_walk(RecurrenceForward<S> r, Chunks chunks, MapTables<Compute<S>> tables) {
  using T = Compute<S>;
  const std::int64_t index = std::int64_t{blockIdx.x} * threads + threadIdx.x, chunk = blockIdx.y;
  if (index >= r.rows.columns()) return;
  const Column<with_resets> column(r.rows, r.resets, index);
  const std::int64_t first = chunks.first(chunk), end = chunks.end(chunk, column.valid);
  const T h =
      walk_forward<A, scan_forward_depth<with_resets>>(r, column, first, end, tables.start(chunk, index));
  const std::int64_t last = chunks.end(chunk, r.rows.steps);
  for (std::int64_t t = first > column.valid ? first : column.valid; t < last; ++t)
    store(r.h + t * column.stride + index, T(0));
  // The chunk of the last real step; the first chunk where there is none.
  if ((first < column.valid || chunk == 0) && end == column.valid) store(r.behind + index, h);
}

template <class S, class A, bool with_resets>
__global__ void __launch_bounds__(threads, blocks)
    scan_backward_compose(RecurrenceBackward<S> r, Chunks chunks, MapTables<Compute<S>> tables) {
  using T = Compute<S>;
  const std::int64_t index = std::int64_t{blockIdx.x} * threads + threadIdx.x, chunk = blockIdx.y;
  if (index >= r.rows.columns()) return;
  const Column<with_resets> column(r.rows, r.resets, index);
  const std::int64_t first = chunks.first(chunk), end = chunks.end(chunk, column.valid);
  const T u = load_constant(r.u + column.feature);
  BackwardMap<T> map;
  auto reading = column.reading(end - 1, -1, r.dh, r.h);
  reading.again = true;
  read_steps<scan_backward_depth<S>, with_resets>(reading, end - first, [&](const S(&now)[2], bool reset) {
    const T dh = widen(now[0]), h = widen(now[1]);
    map.alpha = reset ? T(0) : u * A::gradient(h, map.alpha);
    map.beta = reset ? T(0) : u * A::gradient(h, dh + map.beta);
  });
  tables.set(chunk, index, map);
}

template <class S, class A, bool with_resets>
__global__ void __launch_bounds__(join_threads)
    scan_backward_join(RecurrenceBackward<S> r, Chunks chunks, MapTables<Compute<S>> tables) {
  using T = Compute<S>;
  const std::int64_t index = std::int64_t{blockIdx.x} * join_threads + threadIdx.x;
  if (index >= r.rows.columns()) return;
  const Column<with_resets> column(r.rows, r.resets, index);
  const T u = load_constant(r.u + column.feature);
  const T behind = load(r.state_gradient + index);
  const T before = join_chunks<BackwardMap<T>>(tables, index, -1, behind, [&](std::int64_t chunk, T g) {
#pragma unroll 1
    for (std::int64_t t = chunks.end(chunk, column.valid) - 1; t >= chunks.first(chunk); --t) {
      const std::int64_t at = t * column.stride + index;
      g = column.is_reset(t) ? T(0) : u * A::gradient(load(r.h + at), load(r.dh + at) + g);
    }
    return g;
  });
  store(r.state_gradient + index, before);
}

template <class S, class A, bool with_resets>
__global__ void __launch_bounds__(threads, blocks)
    scan_backward_walk(RecurrenceBackward<S> r, Chunks chunks, MapTables<Compute<S>> tables) {
  using T = Compute<S>;
  const std::int64_t index = std::int64_t{blockIdx.x} * threads + threadIdx.x, chunk = blockIdx.y;
  if (index >= r.rows.columns()) return;
  const Column<with_resets> column(r.rows, r.resets, index);
  const std::int64_t first = chunks.first(chunk), last = chunks.end(chunk, r.rows.steps);
  for (std::int64_t t = first > column.valid ? first : column.valid; t < last; ++t)
    store(r.dz + t * column.stride + index, T(0));
  const BackwardSums<T> sums = walk_backward<A, scan_backward_depth<S>>(
      r, column, first, chunks.end(chunk, column.valid), tables.start(chunk, index));
  store(r.du + chunk * column.stride + index, sums.du.total);
  if (r.dbias != nullptr) store(r.dbias + chunk * column.stride + index, sums.dbias.total);
}

Chunks cut(std::int64_t steps, std::int64_t chunks) {
  const std::int64_t length = divide_up(steps, chunks);
  return {divide_up(steps, length), length};
}

template <class Kernel, class Arguments, class T>
void launch_chunks(const char* name, cudaStream_t stream, Kernel kernel, const Arguments& r,
                   const Chunks& chunks, const MapTables<T>& tables) {
  const dim3 grid(grid_size(r.rows.columns(), threads), static_cast<unsigned>(chunks.count));
  launch({name, grid, dim3(threads), stream}, kernel, r, chunks, tables);
}

template <class Kernel, class Arguments, class T>
void launch_join(const char* name, cudaStream_t stream, Kernel kernel, const Arguments& r,
                 const Chunks& chunks, const MapTables<T>& tables) {
  launch({name, dim3(grid_size(r.rows.columns(), join_threads)), dim3(join_threads), stream}, kernel, r,
         chunks, tables);
}

template <class T>
MapTables<T> tables_in(T* scratch, int numbers, const Chunks& chunks, std::int64_t columns) {
  return {scratch, scratch + numbers * chunks.count * columns, chunks.count, columns};
}

}  // namespace

template <class S>
void launch_scan_forward(cudaStream_t stream, const RecurrenceForward<S>& r, cpu::Activation activation,
                         std::int64_t chunk_count, Compute<S>* scratch) {
  const Chunks chunks = cut(r.rows.steps, chunk_count);
  const auto run = [&]<class A, bool with_resets>() {
    const auto tables = tables_in(scratch, ForwardMapOf<A, Compute<S>>::count, chunks, r.rows.columns());
    launch_chunks("scan_forward_compose", stream, scan_forward_compose<S, A, with_resets>, r, chunks, tables);
    launch_join("scan_forward_join", stream, scan_forward_join<S, A, with_resets>, r, chunks, tables);
    launch_chunks("scan_forward_walk", stream, scan_forward_walk<S, A, with_resets>, r, chunks, tables);
  };
  if (activation == cpu::Activation::relu) {
    r.resets != nullptr ? run.template operator()<Relu, true>() : run.template operator()<Relu, false>();
  } else {
    r.resets != nullptr ? run.template operator()<Identity, true>()
                        : run.template operator()<Identity, false>();
  }
}

template <class S>
void launch_scan_backward(cudaStream_t stream, const RecurrenceBackward<S>& r, cpu::Activation activation,
                          std::int64_t chunk_count, Compute<S>* scratch) {
  const Chunks chunks = cut(r.rows.steps, chunk_count);
  const auto tables = tables_in(scratch, BackwardMap<Compute<S>>::count, chunks, r.rows.columns());
  const auto run = [&]<class A, bool with_resets>() {
    launch_chunks("scan_backward_compose", stream, scan_backward_compose<S, A, with_resets>, r, chunks,
                  tables);
    launch_join("scan_backward_join", stream, scan_backward_join<S, A, with_resets>, r, chunks, tables);
    launch_chunks("scan_backward_walk", stream, scan_backward_walk<S, A, with_resets>, r, chunks, tables);
  };
  dispatch_activation(activation, [&](auto a) {
    using A = decltype(a);
    r.resets != nullptr ? run.template operator()<A, true>() : run.template operator()<A, false>();
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
