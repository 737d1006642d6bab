// Mean and sum of squared deviations of each column over its real rows, in a fixed order. Each thread sums differences
// from the first number it meets, in short runs of their own type and then in float64; threads and blocks are joined
// pairwise, in order (Chan, Golub & LeVeque 1979). Blocks as in column_sums.cuh.
#pragma once

#include "device/column_sums.cuh"

namespace indrnn::cuda {

struct Moments {
  double count = 0.0, mean = 0.0, squares = 0.0;

  __device__ void join(const Moments& other) {
    if (other.count == 0.0) return;
    const double total = count + other.count, difference = other.mean - mean;
    squares += other.squares + difference * difference * count * other.count / total;
    mean += difference * other.count / total;
    count = total;
  }
};

inline std::size_t moments_bytes(std::int64_t rows, std::int64_t columns) {
  return column_sums_bytes(rows, columns, 3);
}

// values.is_real(row), values.at(row, column); finish(column, moments).
template <class T, class Values, class Finish>
__global__ void add_moments(std::int64_t rows, std::int64_t columns, std::int64_t rows_per_block,
                            Values values, Finish finish, double* partial) {
  const std::int64_t column = std::int64_t{blockIdx.x} * sum_columns + threadIdx.x;
  const std::int64_t first = blockIdx.y * rows_per_block;
  const std::int64_t end = first + rows_per_block < rows ? first + rows_per_block : rows;
  double count = 0.0, sum = 0.0, square = 0.0;
  T shift = T(0);
  if (column < columns) {
    for (std::int64_t row = first + threadIdx.y; row < end;) {
      T part = T(0), part_of_squares = T(0);
#pragma unroll 4
      for (int i = 0; i < short_run; ++i, row += sum_lanes) {
        if (row >= end || !values.is_real(row)) continue;
        const T x = values.at(row, column);
        if (count == 0.0) shift = x;
        const T difference = x - shift;
        part += difference;
        part_of_squares += difference * difference;
        count += 1.0;
      }
      sum += static_cast<double>(part);
      square += static_cast<double>(part_of_squares);
    }
  }
  double* shared = shared_array<double, 3 * sum_lanes * sum_columns, struct LaneMoments>();
  const int at = static_cast<int>(threadIdx.y * sum_columns + threadIdx.x);
  constexpr int size = sum_lanes * sum_columns;
  shared[at] = count;
  shared[size + at] = count == 0.0 ? 0.0 : static_cast<double>(shift) + sum / count;
  shared[2 * size + at] = count == 0.0 ? 0.0 : square - sum * sum / count;
  __syncthreads();
  if (threadIdx.y != 0 || column >= columns) return;
  Moments moments;
  for (int lane = 0; lane < sum_lanes; ++lane) {
    const int of_lane = lane * sum_columns + static_cast<int>(threadIdx.x);
    moments.join({shared[of_lane], shared[size + of_lane], shared[2 * size + of_lane]});
  }
  if (gridDim.y == 1) return finish(column, moments);
  double* out = partial + blockIdx.y * std::int64_t{3} * columns + column;
  store(out, moments.count);
  store(out + columns, moments.mean);
  store(out + 2 * columns, moments.squares);
}

template <class Finish>
__global__ void join_moments(std::int64_t columns, std::int64_t blocks, Finish finish,
                             const double* partial) {
  const std::int64_t column = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (column >= columns) return;
  Moments moments;
#pragma unroll 4
  for (std::int64_t block = 0; block < blocks; ++block) {
    const double* of_block = partial + block * 3 * columns + column;
    moments.join({load(of_block), load(of_block + columns), load(of_block + 2 * columns)});
  }
  finish(column, moments);
}

// scratch: moments_bytes.
template <class T, class Values, class Finish>
void launch_moments(const char* name, cudaStream_t stream, std::int64_t rows, std::int64_t columns,
                    const Values& values, const Finish& finish, double* scratch) {
  const std::int64_t blocks = sum_blocks(rows);
  launch({name, dim3(grid_size(columns, sum_columns), static_cast<unsigned>(blocks)),
          dim3(sum_columns, sum_lanes), stream},
         add_moments<T, Values, Finish>, rows, columns, divide_up(rows, blocks), values, finish, scratch);
  if (blocks == 1) return;
  launch({name, dim3(grid_size(columns, sum_columns)), dim3(sum_columns), stream}, join_moments<Finish>,
         columns, blocks, finish, static_cast<const double*>(scratch));
}

}  // namespace indrnn::cuda
