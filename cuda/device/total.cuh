// One sum over many numbers, in float64 and in a fixed order: blocks take runs of equal length, and one block joins them.
#pragma once

#include <algorithm>

#include "device/warp.cuh"
#include "launch.cuh"
#include "memory_access.cuh"

namespace indrnn::cuda {

inline constexpr int total_threads = 256;
inline constexpr std::int64_t most_total_blocks = 1024;
inline constexpr std::size_t total_bytes = most_total_blocks * sizeof(double);  // scratch

// term(i): the double of number i. A term with start() has it called once in each thread.
template <class Term>
__global__ void __launch_bounds__(total_threads, 4)  // at least so many blocks, or it spills
    add_run(std::int64_t count, std::int64_t per_block, Term term, double* partial) {
  const std::int64_t first = blockIdx.x * per_block;
  const std::int64_t end = first + per_block < count ? first + per_block : count;
  double sum = 0.0;
  if constexpr (requires { term.start(); }) term.start();
#pragma unroll 4
  for (std::int64_t i = first + threadIdx.x; i < end; i += total_threads) sum += term(i);
  sum = block_sum<total_threads>(sum);
  if (threadIdx.x == 0) store(partial + blockIdx.x, sum);
}

// finish(total), in one thread.
template <class Finish>
__global__ void __launch_bounds__(total_threads) join_runs(int blocks, Finish finish, const double* partial) {
  double mine = 0.0;
#pragma unroll 4
  for (int block = static_cast<int>(threadIdx.x); block < blocks; block += total_threads)
    mine += load(partial + block);
  const double total = block_sum<total_threads>(mine);
  if (threadIdx.x == 0) finish(total);
}

template <class Term, class Finish>
void launch_total(const char* name, cudaStream_t stream, std::int64_t count, const Term& term,
                  const Finish& finish, double* scratch) {
  const std::int64_t blocks =
      std::clamp<std::int64_t>(divide_up(count, 4 * total_threads), 1, most_total_blocks);
  launch({name, dim3(static_cast<unsigned>(blocks)), dim3(total_threads), stream}, add_run<Term>, count,
         divide_up(count, blocks), term, scratch);
  launch({name, dim3(1), dim3(total_threads), stream}, join_runs<Finish>, static_cast<int>(blocks), finish,
         static_cast<const double*>(scratch));
}

}  // namespace indrnn::cuda
