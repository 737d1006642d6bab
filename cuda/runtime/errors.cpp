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
    case cudaErrorInitializationError:
      throw DeviceError(failed +
                        "CUDA was used before this process was forked, or cannot start; make processes by "
                        "'spawn' or 'forkserver' instead of 'fork'");
    case cudaErrorNoKernelImageForDevice:
      throw DeviceError(failed +
                        "this library has no code for this GPU; build it with CMAKE_CUDA_ARCHITECTURES that "
                        "name its compute capability");
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
  const std::string reported = failed + "cuBLAS reports " + cublasGetStatusString(status);
  switch (status) {
    case CUBLAS_STATUS_ALLOC_FAILED:
      throw OutOfMemory(failed + "the device is out of memory; use a smaller batch or shorter sequences");
    case CUBLAS_STATUS_NOT_INITIALIZED:
      throw DeviceError(reported +
                        "; the device's memory may be nearly full, as `nvidia-smi` shows, or its driver too "
                        "old for this cuBLAS");
    case CUBLAS_STATUS_EXECUTION_FAILED:
    case CUBLAS_STATUS_INTERNAL_ERROR:
      throw DeviceError(
          reported +
          "; a kernel before it may have failed: CUDA_LAUNCH_BLOCKING=1 in the environment shows "
          "which, and the device may need a new process");
    default:
      throw DeviceError(reported + "; check that its version fits the one this library was built with");
  }
}

}  // namespace indrnn::cuda
