// Which devices there are, for the package: asked before a network is made on one, so that what is missing can be said
// in one sentence.
#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>

#define INDRNN_CUDA_C extern "C" __attribute__((visibility("default")))

// The runtime's error code, 0 if devices can be used. Versions are 1000 major + 10 minor; driver 0: there is none.
INDRNN_CUDA_C int indrnn_cuda_status(int* devices, int* driver, int* runtime) {
  *devices = *driver = *runtime = 0;
  cudaDriverGetVersion(driver);
  cudaRuntimeGetVersion(runtime);
  const cudaError_t status = cudaGetDeviceCount(devices);
  cudaGetLastError();  // the question itself leaves no error behind
  return static_cast<int>(status);
}

INDRNN_CUDA_C const char* indrnn_cuda_error_text(int status) {
  return cudaGetErrorString(static_cast<cudaError_t>(status));
}

INDRNN_CUDA_C int indrnn_cuda_device(int index, char* name, std::size_t size, std::uint64_t* memory,
                                     int* major, int* minor) {
  cudaDeviceProp properties;
  const cudaError_t status = cudaGetDeviceProperties(&properties, index);
  cudaGetLastError();
  if (status != cudaSuccess) return static_cast<int>(status);
  std::snprintf(name, size, "%s", properties.name);
  *memory = properties.totalGlobalMem;
  *major = properties.major;
  *minor = properties.minor;
  return 0;
}
