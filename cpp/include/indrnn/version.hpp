#pragma once

namespace indrnn {

const char* version();          // "MAJOR.MINOR.PATCH"
const char* instruction_set();  // kernels in use on this machine: "baseline", "avx2" or "avx512"
const char* blas_name();        // the matrix-product library in use

}  // namespace indrnn
