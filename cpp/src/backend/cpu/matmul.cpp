#include "backend/cpu/matmul.hpp"

#include <cblas.h>

#include "backend/cpu/fork_gate.hpp"
#include "indrnn/version.hpp"

// The package scipy-openblas32 exports every name under a prefix.
#ifdef INDRNN_BLAS_PREFIX
#define INDRNN_JOIN_TWICE(a, b) a##b
#define INDRNN_JOIN(a, b) INDRNN_JOIN_TWICE(a, b)
#define INDRNN_BLAS(name) INDRNN_JOIN(INDRNN_BLAS_PREFIX, name)
#else
#define INDRNN_BLAS(name) name
#endif

namespace indrnn::cpu {
namespace {

void gemm(CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, int m, int n, int k, const float* a, int lda,
          const float* b, int ldb, float beta, float* c) {
  const ForkGate::Pass pass;
  INDRNN_BLAS(cblas_sgemm)(CblasRowMajor, ta, tb, m, n, k, 1.0F, a, lda, b, ldb, beta, c, n);
}

void gemm(CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, int m, int n, int k, const double* a, int lda,
          const double* b, int ldb, double beta, double* c) {
  const ForkGate::Pass pass;
  INDRNN_BLAS(cblas_dgemm)(CblasRowMajor, ta, tb, m, n, k, 1.0, a, lda, b, ldb, beta, c, n);
}

void gemv(CBLAS_TRANSPOSE ta, int m, int n, const float* a, const float* x, float beta, float* y) {
  const ForkGate::Pass pass;
  INDRNN_BLAS(cblas_sgemv)(CblasRowMajor, ta, m, n, 1.0F, a, n, x, 1, beta, y, 1);
}

void gemv(CBLAS_TRANSPOSE ta, int m, int n, const double* a, const double* x, double beta, double* y) {
  const ForkGate::Pass pass;
  INDRNN_BLAS(cblas_dgemv)(CblasRowMajor, ta, m, n, 1.0, a, n, x, 1, beta, y, 1);
}

int narrow(std::int64_t size) { return static_cast<int>(size); }  // Network::create refuses sizes past int

}  // namespace

template <class T>
void multiply_transposed(std::int64_t m, std::int64_t n, std::int64_t k, const T* a, const T* b,
                         Accumulate accumulate, T* c) {
  const T beta = accumulate == Accumulate::yes ? T(1) : T(0);
  if (m == 1) {
    gemv(CblasNoTrans, narrow(n), narrow(k), b, a, beta, c);
  } else if (m > 1) {
    gemm(CblasNoTrans, CblasTrans, narrow(m), narrow(n), narrow(k), a, narrow(k), b, narrow(k), beta, c);
  }
}

template <class T>
void multiply(std::int64_t m, std::int64_t n, std::int64_t k, const T* a, const T* b, Accumulate accumulate,
              T* c) {
  const T beta = accumulate == Accumulate::yes ? T(1) : T(0);
  if (m == 1) {
    gemv(CblasTrans, narrow(k), narrow(n), b, a, beta, c);
  } else if (m > 1) {
    gemm(CblasNoTrans, CblasNoTrans, narrow(m), narrow(n), narrow(k), a, narrow(k), b, narrow(n), beta, c);
  }
}

template <class T>
void multiply_outer(std::int64_t m, std::int64_t n, std::int64_t k, const T* a, const T* b,
                    Accumulate accumulate, T* c) {
  const T beta = accumulate == Accumulate::yes ? T(1) : T(0);
  if (k == 0 && accumulate == Accumulate::yes) return;
  gemm(CblasTrans, CblasNoTrans, narrow(m), narrow(n), narrow(k), a, narrow(m), b, narrow(n), beta, c);
}

template void multiply_transposed(std::int64_t, std::int64_t, std::int64_t, const float*, const float*,
                                  Accumulate, float*);
template void multiply_transposed(std::int64_t, std::int64_t, std::int64_t, const double*, const double*,
                                  Accumulate, double*);
template void multiply(std::int64_t, std::int64_t, std::int64_t, const float*, const float*, Accumulate,
                       float*);
template void multiply(std::int64_t, std::int64_t, std::int64_t, const double*, const double*, Accumulate,
                       double*);
template void multiply_outer(std::int64_t, std::int64_t, std::int64_t, const float*, const float*, Accumulate,
                             float*);
template void multiply_outer(std::int64_t, std::int64_t, std::int64_t, const double*, const double*,
                             Accumulate, double*);

#ifdef OPENBLAS_VERSION
void use_single_threaded_blas() {
  ForkGate::start();
  if (INDRNN_BLAS(openblas_get_num_threads)() != 1) INDRNN_BLAS(openblas_set_num_threads)(1);
}
#else
void use_single_threaded_blas() { ForkGate::start(); }
#endif

}  // namespace indrnn::cpu

namespace indrnn {

#ifdef OPENBLAS_VERSION
const char* blas_name() { return INDRNN_BLAS(openblas_get_config)(); }
#else
const char* blas_name() { return "system BLAS"; }
#endif

}  // namespace indrnn
