// Element-wise kernels over time-major rows [steps, batch, features]: one thread takes a column (sample, feature) and
// walks a slab of time, so that what it needs to know of its column is found once. Neighbouring threads touch
// neighbouring memory at each step.
#pragma once

#include "executor/run.hpp"
#include "launch.cuh"
#include "memory_access.cuh"

namespace indrnn::cuda {

// Real steps of a sample among the rows.
__device__ inline std::int64_t valid_steps(const Rows& rows, std::int64_t sample) {
  if (rows.lengths == nullptr) return rows.steps;
  const std::int64_t left = load_constant(rows.lengths + sample) - rows.first_step;
  return left < 0 ? 0 : (left < rows.steps ? left : rows.steps);
}

// f(column, first step, end step) for a slab of the column.
template <class F>
__global__ void walk_columns(std::int64_t columns, std::int64_t steps, std::int64_t slab, F f) {
  const std::int64_t column = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (column >= columns) return;
  const std::int64_t first = blockIdx.y * slab;
  const std::int64_t end = first + slab < steps ? first + slab : steps;
  f(column, first, end);
}

inline constexpr int walk_threads = 128;
// Steps that one thread walks: long enough to pay for what it finds out first, short enough to fill the device.
inline constexpr std::int64_t shortest_slab = 16;
inline constexpr std::int64_t most_slabs = 4096;

template <class F>
void launch_walk(const char* name, cudaStream_t stream, const Rows& rows, const F& f) {
  const std::int64_t wanted = divide_up(rows.steps, shortest_slab);
  const std::int64_t slabs = wanted < most_slabs ? wanted : most_slabs;
  const std::int64_t slab = slabs == 0 ? 1 : divide_up(rows.steps, slabs);
  launch({name,
          dim3(grid_size(rows.columns(), walk_threads), static_cast<unsigned>(divide_up(rows.steps, slab))),
          dim3(walk_threads), stream},
         walk_columns<F>, rows.columns(), rows.steps, slab, f);
}

// f(column) once for each column.
template <class F>
__global__ void visit_columns(std::int64_t columns, F f) {
  const std::int64_t column = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (column < columns) f(column);
}

template <class F>
void launch_columns(const char* name, cudaStream_t stream, std::int64_t columns, const F& f) {
  launch({name, dim3(grid_size(columns, walk_threads)), dim3(walk_threads), stream}, visit_columns<F>,
         columns, f);
}

}  // namespace indrnn::cuda
