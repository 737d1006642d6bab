#include "gemm.hpp"

#include <bit>
#include <cstdint>
#include <vector>

#include "cuda_bf16.h"

namespace emulation {
namespace {

float widen(float value) { return value; }
double widen(double value) { return value; }
float widen(__nv_bfloat16 value) { return __bfloat162float(value); }

template <class Out, class Sum>
Out narrow(Sum value) {
  if constexpr (std::is_same_v<Out, __nv_bfloat16>) {
    return __float2bfloat16_rn(static_cast<float>(value));
  } else {
    return static_cast<Out>(value);
  }
}

float as_tf32(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7f800000U) == 0x7f800000U) return value;  // infinity, NaN
  return std::bit_cast<float>((bits + 0xfffU + ((bits >> 13U) & 1U)) & ~0x1fffU);
}
double as_tf32(double value) { return value; }

// op(stored), column after column.
template <class In, class Sum>
std::vector<Sum> unpack(const Matrix& stored, const In* data, cublasOperation_t trans, int rows, int columns,
                        bool tf32) {
  std::vector<Sum> result(static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns));
  for (int row = 0; row < rows; ++row) {
    for (int column = 0; column < columns; ++column) {
      const std::ptrdiff_t at = trans == CUBLAS_OP_N ? std::ptrdiff_t{column} * stored.leading + row
                                                     : std::ptrdiff_t{row} * stored.leading + column;
      const Sum value = widen(data[at]);
      result[static_cast<std::size_t>(column) * static_cast<std::size_t>(rows) +
             static_cast<std::size_t>(row)] = tf32 ? as_tf32(value) : value;
    }
  }
  return result;
}

template <class In, class Out, class Sum>
void run_typed(const Product& product) {
  const auto m = static_cast<std::size_t>(product.m);
  const auto n = static_cast<std::size_t>(product.n);
  const auto k = static_cast<std::size_t>(product.k);
  std::vector<Sum> sums(m);
  for (int each = 0; each < product.count; ++each) {
    const In* a_data = static_cast<const In*>(product.a.data) + each * product.a.stride;
    const In* b_data = static_cast<const In*>(product.b.data) + each * product.b.stride;
    Out* c = static_cast<Out*>(const_cast<void*>(product.c.data)) + each * product.c.stride;
    const std::vector<Sum> a =
        unpack<In, Sum>(product.a, a_data, product.trans_a, product.m, product.k, product.tf32);
    const std::vector<Sum> b =
        unpack<In, Sum>(product.b, b_data, product.trans_b, product.k, product.n, product.tf32);
    for (std::size_t column = 0; column < n; ++column) {
      sums.assign(m, Sum{0});
      for (std::size_t inner = 0; inner < k; ++inner) {
        const Sum factor = b[column * k + inner];
        for (std::size_t row = 0; row < m; ++row) sums[row] += a[inner * m + row] * factor;
      }
      Out* to = c + column * static_cast<std::size_t>(product.c.leading);
      for (std::size_t row = 0; row < m; ++row) {
        Sum value = static_cast<Sum>(product.alpha) * sums[row];
        // With beta 0, C is not read: it may hold NaN.
        if (product.beta != 0) value += static_cast<Sum>(product.beta) * static_cast<Sum>(widen(to[row]));
        to[row] = narrow<Out>(value);
      }
    }
  }
}

}  // namespace

std::size_t size_of(cudaDataType_t type) { return type == CUDA_R_64F ? 8 : type == CUDA_R_32F ? 4 : 2; }

std::size_t span(const Matrix& matrix, int rows, int columns, int count) {
  if (rows == 0 || columns == 0 || count == 0) return 0;
  return static_cast<std::size_t>((count - 1) * matrix.stride) +
         static_cast<std::size_t>(columns - 1) * static_cast<std::size_t>(matrix.leading) +
         static_cast<std::size_t>(rows);
}

void run(const Product& product) {
  if (product.c.type == CUDA_R_64F) {
    run_typed<double, double, double>(product);
  } else if (product.a.type == CUDA_R_32F) {
    run_typed<float, float, float>(product);
  } else if (product.c.type == CUDA_R_32F) {
    run_typed<__nv_bfloat16, float, float>(product);
  } else {
    run_typed<__nv_bfloat16, __nv_bfloat16, float>(product);
  }
}

}  // namespace emulation
