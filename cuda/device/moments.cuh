// Mean and sum of squared deviations of each column over its real rows, in a fixed order. Each thread sums differences
// from the first number it meets, in short runs of their own type and then in float64; threads and blocks are joined
// pairwise, in order (Chan, Golub & LeVeque 1979). Blocks and lanes as in column_sums.cuh.
#pragma once

#include "device/column_sums.cuh"

namespace indrnn::cuda {

struct Moments {
  double count = 0.0, mean = 0.0, squares = 0.0;

  __device__ void join(const Moments& other) {
    if (other.count == 0.0) return;
    const double total = count + other.count, share = other.count / total, difference = other.mean - mean;
    squares += other.squares + difference * difference * count * share;
    mean += difference * share;
    count = total;
  }
};

inline std::size_t moments_bytes(std::int64_t rows, std::int64_t columns) {
  return column_sums_bytes(rows, columns, 3);
}

// Those of a block's lanes, in order; all threads come here, and those of lane 0 return true, with the moments of all.
__device__ inline bool join_lanes(Moments& moments) {
  constexpr int size = sum_lanes * sum_columns;
  double* shared = shared_array<double, 3 * size, struct LaneMoments>();
  const int at = static_cast<int>(threadIdx.y * sum_columns + threadIdx.x);
  shared[at] = moments.count;
  shared[size + at] = moments.mean;
  shared[2 * size + at] = moments.squares;
  __syncthreads();
  if (threadIdx.y != 0) return false;
  moments = {};
  for (int lane = 0; lane < sum_lanes; ++lane) {
    const int of_lane = lane * sum_columns + static_cast<int>(threadIdx.x);
    moments.join({shared[of_lane], shared[size + of_lane], shared[2 * size + of_lane]});
  }
  return true;
}

// values.read(row, column): an element, as it is stored; values.is_real(element), values.number(element).
// finish(column, moments).
template <class T, class Values, class Finish>
__global__ void add_moments(std::int64_t rows, std::int64_t columns, std::int64_t rows_per_block,
                            Values values, Finish finish, double* partial) {
  const std::int64_t column = std::int64_t{blockIdx.x} * sum_columns + threadIdx.x;
  const std::int64_t first = blockIdx.y * rows_per_block;
  const std::int64_t end = first + rows_per_block < rows ? first + rows_per_block : rows;
  int count = 0;
  double sum = 0.0, square = 0.0;
  T shift = T(0);
  if (column < columns) {
    constexpr int run = short_run * sum_lanes;
    for (std::int64_t start = first + threadIdx.y; start < end; start += run) {
      T part = T(0), part_of_squares = T(0);
      load_ahead<8>(
          start, start + run < end ? start + run : end, sum_lanes,
          [&](std::int64_t row) { return values.read(row, column); },
          [&](std::int64_t, const auto& element) {
            if (!values.is_real(element)) return;
            const T x = values.number(element);
            if (count == 0) shift = x;
            const T difference = x - shift;
            part += difference;
            part_of_squares += difference * difference;
            ++count;
          });
      sum += static_cast<double>(part);
      square += static_cast<double>(part_of_squares);
    }
  }
  const double divisor = count > 0 ? count : 1;
  Moments moments{static_cast<double>(count), static_cast<double>(shift) + sum / divisor,
                  square - sum * sum / divisor};
  if (!join_lanes(moments) || column >= columns) return;
  if (gridDim.y == 1) return finish(column, moments);
  double* out = partial + blockIdx.y * std::int64_t{3} * columns + column;
  store(out, moments.count);
  store(out + columns, moments.mean);
  store(out + 2 * columns, moments.squares);
}

template <class Finish>
__global__ void join_moments(std::int64_t columns, std::int64_t blocks, Finish finish,
                             const double* partial) {
  const std::int64_t column = std::int64_t{blockIdx.x} * sum_columns + threadIdx.x;
  Moments moments;
  if (column < columns) {
    const LaneBlocks mine(blocks);
    load_ahead<4>(
        mine.first, mine.end, 1,
        [&](std::int64_t block) -> Moments {
          const double* of_block = partial + block * 3 * columns + column;
          return {load(of_block), load(of_block + columns), load(of_block + 2 * columns)};
        },
        [&](std::int64_t, const Moments& of_block) { moments.join(of_block); });
  }
  if (join_lanes(moments) && column < columns) finish(column, moments);
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
  launch({name, dim3(grid_size(columns, sum_columns)), dim3(sum_columns, sum_lanes), stream},
         join_moments<Finish>, columns, blocks, finish, static_cast<const double*>(scratch));
}

}  // namespace indrnn::cuda
