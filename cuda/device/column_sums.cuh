// Sums over rows, for each column: of N numbers at once, in a fixed order, in float64.
//
// Blocks of 32 columns x 8 row lanes each take a run of rows; a lane adds some numbers in their own type before it adds
// their sum to its float64 sum. The lanes of a block are joined in order through shared memory. A second kernel joins the
// blocks of a column: each of its lanes takes a run of them, and the lanes are joined in order again. How rows are cut
// follows from their number alone.
#pragma once

#include <algorithm>

#include "device/load_ahead.cuh"
#include "launch.cuh"
#include "memory_access.cuh"
#include "shared_memory.cuh"

namespace indrnn::cuda {

inline constexpr int sum_columns = 32;
inline constexpr int sum_lanes = 8;
inline constexpr std::int64_t rows_per_sum_block = 256;
inline constexpr std::int64_t most_sum_blocks = 128;
inline constexpr int short_run = 16;  // numbers added in their own type

inline std::int64_t sum_blocks(std::int64_t rows) {
  return std::clamp<std::int64_t>(divide_up(rows, rows_per_sum_block), 1, most_sum_blocks);
}
// Of launch_column_sums, for N numbers.
inline std::size_t column_sums_bytes(std::int64_t rows, std::int64_t columns, int numbers) {
  const std::int64_t blocks = sum_blocks(rows);
  return blocks == 1 ? 0 : static_cast<std::size_t>(blocks * columns * numbers) * sizeof(double);
}

// Sums of a block's lanes, in order; all threads come here, and those of lane 0 return true, with the sums.
template <int N>
__device__ bool join_lanes(double* sums) {
  double* shared = shared_array<double, N * sum_lanes * sum_columns, struct LaneSums>();
  for (int n = 0; n < N; ++n) shared[(n * sum_lanes + threadIdx.y) * sum_columns + threadIdx.x] = sums[n];
  __syncthreads();
  if (threadIdx.y != 0) return false;
  for (int n = 0; n < N; ++n) {
    double total = 0.0;
    for (int lane = 0; lane < sum_lanes; ++lane)
      total += shared[(n * sum_lanes + lane) * sum_columns + threadIdx.x];
    sums[n] = total;
  }
  return true;
}

// term(row, column, sums): adds N numbers, of type Number, to sums.
// finish(column, sums): what to do with the N float64 sums.
template <int N, class Number, class Term, class Finish>
__global__ void add_rows(std::int64_t rows, std::int64_t columns, std::int64_t rows_per_block, Term term,
                         Finish finish, double* partial) {
  const std::int64_t column = std::int64_t{blockIdx.x} * sum_columns + threadIdx.x;
  const std::int64_t first = blockIdx.y * rows_per_block;
  const std::int64_t end = first + rows_per_block < rows ? first + rows_per_block : rows;
  double sums[N] = {};
  if (column < columns) {
    std::int64_t row = first + threadIdx.y;
    // Whole runs without a question between two loads, so that they are under way together.
    for (; row + (short_run - 1) * sum_lanes < end; row += short_run * sum_lanes) {
      Number part[N] = {};
#pragma unroll 8
      for (int i = 0; i < short_run; ++i) term(row + i * sum_lanes, column, part);
      for (int n = 0; n < N; ++n) sums[n] += static_cast<double>(part[n]);
    }
    Number part[N] = {};
#pragma unroll 4
    for (; row < end; row += sum_lanes) term(row, column, part);
    for (int n = 0; n < N; ++n) sums[n] += static_cast<double>(part[n]);
  }
  if (!join_lanes<N>(sums) || column >= columns) return;
  if (gridDim.y == 1) return finish(column, sums);
  for (int n = 0; n < N; ++n) store(partial + (blockIdx.y * std::int64_t{N} + n) * columns + column, sums[n]);
}

// Of the blocks of a column, those that a lane of the second kernel joins.
struct LaneBlocks {
  std::int64_t first, end;
  __device__ explicit LaneBlocks(std::int64_t blocks) {
    const std::int64_t per_lane = (blocks + sum_lanes - 1) / sum_lanes, start = threadIdx.y * per_lane;
    first = start < blocks ? start : blocks;
    end = start + per_lane < blocks ? start + per_lane : blocks;
  }
};

template <int N, class Finish>
__global__ void join_row_blocks(std::int64_t columns, std::int64_t blocks, Finish finish,
                                const double* partial) {
  const std::int64_t column = std::int64_t{blockIdx.x} * sum_columns + threadIdx.x;
  double sums[N] = {};
  if (column < columns) {
    const LaneBlocks mine(blocks);
    for (int n = 0; n < N; ++n) {
      load_ahead<8>(
          mine.first, mine.end, 1,
          [&](std::int64_t block) { return load(partial + (block * N + n) * columns + column); },
          [&](std::int64_t, double sum) { sums[n] += sum; });
    }
  }
  if (join_lanes<N>(sums) && column < columns) finish(column, sums);
}

// scratch: column_sums_bytes.
template <int N, class Number, class Term, class Finish>
void launch_column_sums(const char* name, cudaStream_t stream, std::int64_t rows, std::int64_t columns,
                        const Term& term, const Finish& finish, double* scratch) {
  const std::int64_t blocks = sum_blocks(rows);
  const std::int64_t per_block = divide_up(rows, blocks);
  launch({name, dim3(grid_size(columns, sum_columns), static_cast<unsigned>(blocks)),
          dim3(sum_columns, sum_lanes), stream},
         add_rows<N, Number, Term, Finish>, rows, columns, per_block, term, finish, scratch);
  if (blocks == 1) return;
  launch({name, dim3(grid_size(columns, sum_columns)), dim3(sum_columns, sum_lanes), stream},
         join_row_blocks<N, Finish>, columns, blocks, finish, static_cast<const double*>(scratch));
}

// finish of sums that are added to N gradients [columns].
template <class T, int N>
struct AddToGradients {
  T* gradients[N];
  __device__ void operator()(std::int64_t column, const double* sums) const {
    for (int n = 0; n < N; ++n) {
      T* gradient = gradients[n] + column;
      store(gradient, static_cast<T>(static_cast<double>(load(gradient)) + sums[n]));
    }
  }
};

}  // namespace indrnn::cuda
