// Products against sums written out, for all transpositions, with leading dimensions, batches and bfloat16.
#include "support.hpp"

#include <cublas_v2.h>
#include <cuda_bf16.h>

#include <cmath>

namespace {

using EmulatedCublasDeathTest = emulation::test::DeathTest;
using emulation::test::DeviceArray;

template <class T>
std::vector<T> numbers(std::size_t size, int salt) {
  std::vector<T> values(size);
  for (std::size_t i = 0; i < size; ++i)
    values[i] = static_cast<T>(static_cast<int>((i * 7 + salt) % 11) - 5);
  return values;
}

class EmulatedCublas : public testing::Test {
 protected:
  EmulatedCublas() { EXPECT_EQ(cublasCreate(&handle), CUBLAS_STATUS_SUCCESS); }
  ~EmulatedCublas() override { EXPECT_EQ(cublasDestroy(handle), CUBLAS_STATUS_SUCCESS); }
  cublasHandle_t handle = nullptr;
};

TEST_F(EmulatedCublas, AllTranspositionsWithLeadingDimensionsAndBatches) {
  constexpr int m = 3, n = 4, k = 5, lda = 7, ldb = 8, ldc = 6, count = 2;
  for (const auto trans_a : {CUBLAS_OP_N, CUBLAS_OP_T}) {
    for (const auto trans_b : {CUBLAS_OP_N, CUBLAS_OP_T}) {
      const auto a = numbers<double>(lda * 5 * count, 1);
      const auto b = numbers<double>(ldb * 5 * count, 2);
      const auto c = numbers<double>(ldc * n * count, 3);
      const DeviceArray<double> a_device(a), b_device(b), c_device(c);
      const double alpha = 2, beta = -1;
      ASSERT_EQ(cublasDgemmStridedBatched(handle, trans_a, trans_b, m, n, k, &alpha, a_device.data(), lda,
                                          lda * 5, b_device.data(), ldb, ldb * 5, &beta, c_device.data(), ldc,
                                          ldc * n, count),
                CUBLAS_STATUS_SUCCESS);
      const auto result = c_device.values();
      for (int each = 0; each < count; ++each) {
        for (int column = 0; column < n; ++column) {
          for (int row = 0; row < ldc; ++row) {
            const std::size_t at = static_cast<std::size_t>(each * ldc * n + column * ldc + row);
            double expected = c[at];
            if (row < m) {
              double sum = 0;
              for (int i = 0; i < k; ++i) {
                const int in_a = each * lda * 5 + (trans_a == CUBLAS_OP_N ? i * lda + row : row * lda + i);
                const int in_b =
                    each * ldb * 5 + (trans_b == CUBLAS_OP_N ? column * ldb + i : i * ldb + column);
                sum += a[static_cast<std::size_t>(in_a)] * b[static_cast<std::size_t>(in_b)];
              }
              expected = alpha * sum + beta * c[at];
            }
            EXPECT_EQ(result[at], expected);
          }
        }
      }
    }
  }
}

TEST_F(EmulatedCublas, BetaZeroDoesNotReadC) {
  const DeviceArray<float> a(std::vector<float>{1, 2}), b(std::vector<float>{3, 4}), c(1);
  const float one = 1, zero = 0;
  EXPECT_EQ(cublasSgemm(handle, CUBLAS_OP_N, CUBLAS_OP_N, 1, 1, 2, &one, a.data(), 1, b.data(), 2, &zero,
                        c.data(), 1),
            CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(c.values()[0], 11.0F);
}

TEST_F(EmulatedCublas, Bfloat16WithFloatSums) {
  const std::vector<__nv_bfloat16> ones(300, __float2bfloat16(1.0F));
  const DeviceArray<__nv_bfloat16> a(ones), b(ones), short_c(1);
  const DeviceArray<float> c(1);
  const float one = 1, zero = 0;
  EXPECT_EQ(
      cublasGemmEx(handle, CUBLAS_OP_N, CUBLAS_OP_N, 1, 1, 299, &one, a.data(), CUDA_R_16BF, 1, b.data(),
                   CUDA_R_16BF, 299, &zero, c.data(), CUDA_R_32F, 1, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT),
      CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(c.values()[0], 299.0F);  // a sum in bfloat16 would stop at 256
  EXPECT_EQ(cublasGemmEx(handle, CUBLAS_OP_N, CUBLAS_OP_N, 1, 1, 299, &one, a.data(), CUDA_R_16BF, 1,
                         b.data(), CUDA_R_16BF, 299, &zero, short_c.data(), CUDA_R_16BF, 1,
                         CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT),
            CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(__bfloat162float(short_c.values()[0]), 300.0F);  // 299 lies between 298 and 300
}

TEST_F(EmulatedCublas, Tf32KeepsTenBits) {
  const float fine = 1.0F + 1.0F / 4096;
  const DeviceArray<float> a(std::vector<float>{fine}), b(std::vector<float>{1.0F}), c(1);
  const float one = 1, zero = 0;
  const auto product = [&] {
    EXPECT_EQ(cublasSgemm(handle, CUBLAS_OP_N, CUBLAS_OP_N, 1, 1, 1, &one, a.data(), 1, b.data(), 1, &zero,
                          c.data(), 1),
              CUBLAS_STATUS_SUCCESS);
    return c.values()[0];
  };
  EXPECT_EQ(product(), fine);
  EXPECT_EQ(cublasSetMathMode(handle, CUBLAS_TF32_TENSOR_OP_MATH), CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(product(), 1.0F);
}

TEST_F(EmulatedCublas, ACapturedProductNeedsAWorkspaceWhichTheNextStreamTakesAway) {
  const DeviceArray<float> a(std::vector<float>{2.0F}), b(std::vector<float>{3.0F}), c(1), workspace(16);
  cudaStream_t stream = nullptr;
  cudaGraph_t graph = nullptr;
  EXPECT_CUDA(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  const auto captured_product = [&] {
    const float one = 1, zero = 0;
    EXPECT_CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    const cublasStatus_t status = cublasSgemm(handle, CUBLAS_OP_N, CUBLAS_OP_N, 1, 1, 1, &one, a.data(), 1,
                                              b.data(), 1, &zero, c.data(), 1);
    EXPECT_CUDA(cudaStreamEndCapture(stream, &graph));
    EXPECT_CUDA(cudaGraphDestroy(graph));
    return status;
  };
  EXPECT_EQ(cublasSetStream(handle, stream), CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(cublasSetWorkspace(handle, workspace.data(), 64), CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(captured_product(), CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(cublasSetStream(handle, stream), CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(captured_product(), CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_CUDA(cudaStreamDestroy(stream));
}

#ifndef __SANITIZE_THREAD__
TEST_F(EmulatedCublasDeathTest, AHandleBelongsToTheDeviceItWasMadeOn) {
  cublasHandle_t handle = nullptr;
  EXPECT_EQ(cublasCreate(&handle), CUBLAS_STATUS_SUCCESS);
  EXPECT_CUDA(cudaSetDevice(1));
  EXPECT_DEATH(cublasDestroy(handle), "cublasDestroy while another device is current");
  EXPECT_CUDA(cudaSetDevice(0));
  EXPECT_EQ(cublasDestroy(handle), CUBLAS_STATUS_SUCCESS);
}
#endif

TEST_F(EmulatedCublas, WrongArgumentsAreRefused) {
  const DeviceArray<float> a(6), b(6), c(4);
  std::vector<float> host(6);
  const float one = 1, zero = 0;
  const auto product = [&](const float* left, int lda, int ldc) {
    return cublasSgemm(handle, CUBLAS_OP_N, CUBLAS_OP_N, 2, 2, 3, &one, left, lda, b.data(), 3, &zero,
                       c.data(), ldc);
  };
  EXPECT_EQ(product(a.data(), 2, 2), CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(product(a.data(), 1, 2), CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_EQ(product(a.data(), 3, 2), CUBLAS_STATUS_INVALID_VALUE);  // reaches past the end
  EXPECT_EQ(product(a.data(), 2, 3), CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_EQ(product(host.data(), 2, 2), CUBLAS_STATUS_INVALID_VALUE);
}

}  // namespace
