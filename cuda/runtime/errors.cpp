#include "runtime/errors.hpp"

#include <string>

#include "indrnn/error.hpp"

namespace indrnn::cuda {

void throw_cuda_error(cudaError_t status, const char* what) {
  cudaGetLastError();  // errors that can be recovered from must not show again in the next call
  const std::string failed = std::string("[cuda] failed while ") + what + ": ";
  switch (status) {
    case cudaErrorMemoryAllocation:
      throw OutOfMemory(
          failed +
          "the device is out of memory; use a smaller batch, shorter sequences or memory=\"recompute\"");
    case cudaErrorNoDevice:
      throw DeviceError(failed + "this machine has no CUDA device; use device=\"cpu\"");
    case cudaErrorInsufficientDriver:
      throw DeviceError(
          failed +
          "the NVIDIA driver is missing or too old for this build; install a newer driver or use "
          "device=\"cpu\"");
    case cudaErrorStreamCaptureUnsupported:
    case cudaErrorStreamCaptureInvalidated:
      throw DeviceError(
          failed +
          "work that waits or allocates cannot be captured; run the step once before capturing it, with "
          "all arrays on the device");
    default:
      throw DeviceError(failed + cudaGetErrorString(status) + " (" + cudaGetErrorName(status) +
                        "); the device may need a new process, the CPU still works");
  }
}

void throw_cublas_error(cublasStatus_t status, const char* what) {
  const std::string failed = std::string("[cuda] failed while ") + what + ": ";
  if (status == CUBLAS_STATUS_ALLOC_FAILED) {
    throw OutOfMemory(failed + "the device is out of memory; use a smaller batch or shorter sequences");
  }
  throw DeviceError(failed + "cuBLAS reports " + cublasGetStatusString(status) +
                    "; check that its version fits the one this library was built with");
}

}  // namespace indrnn::cuda
