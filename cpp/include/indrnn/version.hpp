#pragma once

#include "indrnn/export.hpp"

namespace indrnn {

INDRNN_API const char* version();          // "MAJOR.MINOR.PATCH"
INDRNN_API const char* instruction_set();  // kernels in use on this machine: "baseline", "avx2" or "avx512"
INDRNN_API const char* blas_name();        // the matrix-product library in use

}  // namespace indrnn
