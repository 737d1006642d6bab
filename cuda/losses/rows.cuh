// What losses share: how many rows count, and the mean over them.
#pragma once

#include "device/total.cuh"

namespace indrnn::cuda {

// Counted rows: in device memory where a mask says which, else known.
struct RowCount {
  const double* counted;  // nullptr: all
  double rows;
  __device__ double get() const { return counted != nullptr ? load(counted) : rows; }
  // 1 / count, and 0 where nothing counts.
  __device__ double scale(double of_each = 1.0) const {
    const double count = get() * of_each;
    return count > 0.0 ? 1.0 / count : 0.0;
  }
};

struct MaskTerm {
  const std::uint8_t* mask;
  __device__ double operator()(std::int64_t row) const { return load(mask + row) != 0 ? 1.0 : 0.0; }
};

struct StoreTotal {
  double* to;
  __device__ void operator()(double total) const { store(to, total); }
};

struct StoreMean {
  double* to;
  RowCount rows;
  double of_each;  // numbers in a row
  __device__ void operator()(double total) const { store(to, total * rows.scale(of_each)); }
};

// scratch: total_bytes and a double behind them.
inline RowCount count_rows(cudaStream_t stream, const std::uint8_t* mask, std::int64_t rows,
                           double* scratch) {
  if (mask == nullptr) return {nullptr, static_cast<double>(rows)};
  double* counted = scratch + most_total_blocks;
  launch_total("count_rows", stream, rows, MaskTerm{mask}, StoreTotal{counted}, scratch);
  return {counted, 0.0};
}

}  // namespace indrnn::cuda
