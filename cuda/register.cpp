// Makes device="cuda" known to the engine. The host calls it once after loading the library; calling it again does no
// harm.
#include "executor/executor.hpp"
#include "indrnn/export.hpp"

extern "C" __attribute__((visibility("default"))) int indrnn_cuda_register() {
  indrnn::register_backend({"cuda", indrnn::cuda::make_executor});
  return 0;
}
