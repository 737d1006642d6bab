// y = factor[index] table[index];  dtable[index] += factor[index] dy, where factor is 1 unless rows are dropped.
//
// Backward without atomics: a block takes one row of the table, some features and one run of the batch's rows, looks
// through its indices and adds the rows that are its own, in order. Few table rows leave room for many runs, whose sums a
// second kernel joins in order. An index outside the table, which only arrays on the device can hold unseen, gives NaN and
// no gradient.
#include <algorithm>
#include <cmath>
#include <vector>

#include "device/load_ahead.cuh"
#include "device/ragged.cuh"
#include "device/random.cuh"
#include "device/walk.cuh"
#include "device/warp.cuh"
#include "executor/runner.hpp"
#include "layers/layer.hpp"
#include "shared_memory.cuh"

namespace indrnn::cuda {
namespace {

template <class T>
struct Factor {
  bool drops;
  Chance dropped;
  T kept;
  __device__ T of(std::int64_t index) const {
    if (!drops) return T(1);
    return dropped.happens(dropped.stream(), 0, index) ? T(0) : kept;
  }
};

constexpr int warps = 4;

template <class S>
__global__ void __launch_bounds__(32 * warps)
    embedding_forward(const std::int64_t* indices, std::int64_t rows, std::int64_t num, std::int64_t size,
                      const Compute<S>* table, Factor<Compute<S>> factor, S* y) {
  using T = Compute<S>;
  const std::int64_t row = std::int64_t{blockIdx.x} * warps + threadIdx.y;
  if (row >= rows) return;
  const std::int64_t index = load(indices + row);
  const bool inside = index >= 0 && index < num;
  const T scale = inside ? factor.of(index) : T(NAN);
  load_ahead<4>(
      threadIdx.x, size, 32,
      [&](std::int64_t f) { return inside ? load_constant(table + index * size + f) : T(1); },
      [&](std::int64_t f, T value) { store(y + row * size + f, scale * value); });
}

constexpr int threads = 128;
// Of the batch, that one block looks through.
constexpr std::int64_t most_run_rows = 4096, least_run_rows = 256;
constexpr std::int64_t enough_blocks = 2048;  // to fill a device
constexpr std::int64_t most_partial_bytes = 64 * 1024 * 1024;

// As many as fill a device, if that leaves each enough to do; with a table of many rows, as few as end in time.
std::int64_t count_runs(std::int64_t rows, std::int64_t num, std::int64_t table_bytes) {
  const std::int64_t filling =
      std::min(divide_up(rows, least_run_rows), enough_blocks / std::max<std::int64_t>(1, num));
  const std::int64_t room = most_partial_bytes / std::max<std::int64_t>(1, table_bytes);
  return std::clamp<std::int64_t>(std::max(divide_up(rows, most_run_rows), filling), 1,
                                  std::max<std::int64_t>(1, std::min<std::int64_t>(room, 65535)));
}

// The threads of a block for which `found` holds, in order, in a list that all of them read; returns how many. Every thread
// of the block must come here.
__device__ inline int list_threads(bool found, int* list) {
  unsigned* words = shared_array<unsigned, threads / 32, struct FoundThreads>();
  const unsigned bits = __ballot_sync(whole_warp, found);
  const unsigned warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  __syncthreads();  // the list before may still be read
  if (lane == 0) words[warp] = bits;
  __syncthreads();
  int before = __popc(bits & ((1u << lane) - 1)), count = 0;
#pragma unroll
  for (unsigned each = 0; each < threads / 32; ++each) {
    const int in_warp = __popc(words[each]);
    if (each < warp) before += in_warp;
    count += in_warp;
  }
  if (found) list[before] = static_cast<int>(threadIdx.x);
  __syncthreads();
  return count;
}

template <class S>
struct EmbeddingGradient {
  using T = Compute<S>;
  const std::int64_t* indices;  // [rows of the batch]
  const S* dy;                  // [rows of the batch, size]
  Rows rows;                    // of indices
  std::int64_t size, per_run;
  Factor<T> factor;
  T* gradient;  // [num, size], added to where there is one run
  T* partial;   // [runs, num, size]
};

template <class S>
__global__ void __launch_bounds__(threads) embedding_backward(EmbeddingGradient<S> g) {
  using T = Compute<S>;
  int* own = shared_array<int, threads, struct OwnRows>();
  const std::int64_t index = blockIdx.x;
  const std::int64_t first = blockIdx.y * g.per_run;
  const std::int64_t end = first + g.per_run < g.rows.count() ? first + g.per_run : g.rows.count();
  const std::int64_t f = std::int64_t{blockIdx.z} * threads + threadIdx.x;
  double sum = 0.0;
  for (std::int64_t start = first; start < end; start += threads) {
    const std::int64_t row = start + threadIdx.x;
    const bool mine = row < end && load(g.indices + row) == index &&
                      (g.rows.lengths == nullptr || is_real_row<true>(g.rows, row));
    const int found = list_threads(mine, own);
    if (f >= g.size) continue;
    load_ahead<8>(
        0, found, 1, [&](std::int64_t i) { return load_once(g.dy + (start + own[i]) * g.size + f); },
        [&](std::int64_t, S term) { sum += static_cast<double>(widen(term)); });
  }
  if (f >= g.size) return;
  const T total = g.factor.of(index) * static_cast<T>(sum);
  if (gridDim.y == 1) {
    T* to = g.gradient + index * g.size + f;
    store(to, load(to) + total);
  } else {
    store(g.partial + (blockIdx.y * std::int64_t{gridDim.x} + index) * g.size + f, total);
  }
}

template <class T>
struct JoinRuns {
  const T* partial;
  T* gradient;
  std::int64_t elements, runs;
  __device__ void operator()(std::int64_t element) const {
    T sum = load(gradient + element);
#pragma unroll 4
    for (std::int64_t run = 0; run < runs; ++run) sum += load(partial + run * elements + element);
    store(gradient + element, sum);
  }
};

template <class S>
class Embedding : public Runner<S> {
  using T = Compute<S>;

 public:
  Embedding(const Graph& graph, const Node& node)
      : Runner<S>(graph, node), p_(read_spec<nn::Embedding>(node.spec, node.path).row_dropout) {}

  NodeBytes bytes(const Sizes& sizes, Mode mode) const override {
    const std::int64_t runs = count_runs(sizes.window_steps * sizes.batch, num(), table_bytes());
    return {.scratch = mode.keep && runs > 1 ? static_cast<std::size_t>(runs * table_bytes()) : 0};
  }

  void forward(Run<S>& run) const override {
    const Rows rows = run.rows(this->node_.inputs[0]);
    launch({"embedding_forward", dim3(grid_size(rows.count(), warps)), dim3(32, warps), run.stream},
           embedding_forward<S>, run.indices(this->node_.inputs[0]), rows.count(), num(), size(),
           run.parameter(this->node_.parameters[0]), factor(run), run.value(this->node_.outputs[0]));
  }

  void backward(Run<S>& run) const override {
    const Rows rows = run.rows(this->node_.inputs[0]);
    if (rows.count() == 0) return;
    const std::int64_t runs = count_runs(rows.count(), num(), table_bytes());
    T* gradient = run.parameter_gradient(this->node_.parameters[0]);
    T* partial = run.template scratch<T>();
    const dim3 blocks(static_cast<unsigned>(num()), static_cast<unsigned>(runs),
                      static_cast<unsigned>(divide_up(size(), threads)));
    launch({"embedding_backward", blocks, dim3(threads), run.stream}, embedding_backward<S>,
           EmbeddingGradient<S>{run.indices(this->node_.inputs[0]), run.gradient(this->node_.outputs[0]),
                                rows, size(), divide_up(rows.count(), runs), factor(run), gradient, partial});
    if (runs == 1) return;
    launch_columns("embedding_join", run.stream, num() * size(),
                   JoinRuns<T>{partial, gradient, num() * size(), runs});
  }

 private:
  const Shape& table() const {
    return this->graph_.parameters[static_cast<std::size_t>(this->node_.parameters[0])].shape;
  }
  std::int64_t num() const { return table()[0]; }
  std::int64_t size() const { return table()[1]; }
  std::int64_t table_bytes() const { return num() * size() * static_cast<std::int64_t>(sizeof(T)); }
  Factor<T> factor(const Run<S>& run) const {
    return {run.mode().training && p_ > 0.0,
            Chance{run.numbers, Purpose::row_dropout, static_cast<std::uint32_t>(this->node_.index),
                   static_cast<float>(p_)},
            T(1) / (T(1) - static_cast<T>(p_))};
  }

  double p_;
};

}  // namespace

std::vector<CudaNode> embedding_nodes() { return {cuda_node<Embedding>("Embedding")}; }

}  // namespace indrnn::cuda
