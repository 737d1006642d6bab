// The product that every cublas*gemm* call becomes.
#pragma once

#include "cublas_v2.h"

namespace emulation {

struct Matrix {  // as stored, column-major: element (row, column) at column * leading + row
  const void* data;
  cudaDataType_t type;
  int leading;
  long long stride;  // elements from one matrix of the batch to the next
};

struct Product {  // C [m, n] = alpha op(A) [m, k] op(B) [k, n] + beta C
  cublasOperation_t trans_a, trans_b;
  int m, n, k;
  double alpha, beta;
  Matrix a, b, c;
  int count;  // of the batch
  bool tf32;  // inputs are rounded to 10 bits of mantissa
};

std::size_t size_of(cudaDataType_t type);
// Elements from the first to the last of a batch of stored matrices.
std::size_t span(const Matrix& matrix, int rows, int columns, int count);
void run(const Product& product);

}  // namespace emulation
