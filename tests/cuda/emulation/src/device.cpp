#include <cstdio>

#include "address_range.hpp"
#include "device_context.hpp"
#include "emulation/runtime_api.hpp"
#include "options.hpp"
#include "runtime.hpp"

namespace emulation {
namespace {

// The limits are those of the smallest GPU the kernels are built for (compute capability 7.5), whatever it calls itself.
constexpr int multiprocessors = 4;
constexpr int shared_bytes = 48 << 10;
constexpr int shared_bytes_opt_in = 64 << 10;

cudaError_t check_device(int device) {
  if (const cudaError_t error = check_driver(); error != cudaSuccess) return error;
  return device >= 0 && device < options().devices ? cudaSuccess : failed(cudaErrorInvalidDevice);
}

}  // namespace

cudaError_t check_driver() {
  if (options().driver < CUDART_VERSION / 1000 * 1000) return failed(cudaErrorInsufficientDriver);
  if (options().devices == 0) return failed(cudaErrorNoDevice);
  if (forked_with_contexts()) {
    return failed(cudaErrorInitializationError, "CUDA was used before this process was forked");
  }
  return cudaSuccess;
}

}  // namespace emulation

using namespace emulation;

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 0;
  if (const cudaError_t error = check_driver(); error != cudaSuccess) return error;
  *count = options().devices < most_devices ? options().devices : most_devices;
  return cudaSuccess;
}

cudaError_t cudaSetDevice(int device) {
  if (const cudaError_t error = check_device(device); error != cudaSuccess) return error;
  choose_device(device);
  return cudaSuccess;
}

cudaError_t cudaGetDevice(int* device) {
  if (const cudaError_t error = check_driver(); error != cudaSuccess) return error;
  *device = current_device();
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  if (const cudaError_t error = check_device(device); error != cudaSuccess) return error;
  switch (attribute) {
    case cudaDevAttrMaxThreadsPerBlock:
      *value = 1024;
      return cudaSuccess;
    case cudaDevAttrMaxGridDimX:
      *value = 0x7fffffff;
      return cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerBlock:
      *value = shared_bytes;
      return cudaSuccess;
    case cudaDevAttrWarpSize:
      *value = 32;
      return cudaSuccess;
    case cudaDevAttrMaxRegistersPerBlock:
      *value = 65536;
      return cudaSuccess;
    case cudaDevAttrClockRate:
      *value = 1000000;
      return cudaSuccess;
    case cudaDevAttrMultiProcessorCount:
      *value = multiprocessors;
      return cudaSuccess;
    case cudaDevAttrMemoryClockRate:
      *value = 1000000;
      return cudaSuccess;
    case cudaDevAttrGlobalMemoryBusWidth:
      *value = 128;
      return cudaSuccess;
    case cudaDevAttrL2CacheSize:
      *value = 1 << 20;
      return cudaSuccess;
    case cudaDevAttrMaxThreadsPerMultiProcessor:
      *value = 1024;
      return cudaSuccess;
    case cudaDevAttrUnifiedAddressing:
      *value = 1;
      return cudaSuccess;
    case cudaDevAttrComputeCapabilityMajor:
      *value = options().capability / 10;
      return cudaSuccess;
    case cudaDevAttrComputeCapabilityMinor:
      *value = options().capability % 10;
      return cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
      *value = shared_bytes_opt_in;
      return cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = shared_bytes_opt_in;
      return cudaSuccess;
    case cudaDevAttrMemoryPoolsSupported:
      *value = 1;
      return cudaSuccess;
  }
  return failed(cudaErrorInvalidValue);
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (const cudaError_t error = check_device(device); error != cudaSuccess) return error;
  *properties = {};
  std::snprintf(properties->name, sizeof(properties->name), "emulated device %d", device);
  properties->totalGlobalMem = options().memory;
  properties->sharedMemPerBlock = shared_bytes;
  properties->sharedMemPerBlockOptin = shared_bytes_opt_in;
  properties->regsPerBlock = 65536;
  properties->warpSize = 32;
  properties->maxThreadsPerBlock = 1024;
  properties->maxThreadsPerMultiProcessor = 1024;
  properties->maxGridSize[0] = 0x7fffffff;
  properties->maxGridSize[1] = properties->maxGridSize[2] = 65535;
  properties->major = options().capability / 10;
  properties->minor = options().capability % 10;
  properties->multiProcessorCount = multiprocessors;
  properties->l2CacheSize = 1 << 20;
  properties->memoryBusWidth = 128;
  return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int* version) {
  *version = options().driver;
  return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t cudaDeviceCanAccessPeer(int* can, int device, int peer) {
  if (const cudaError_t error = check_device(device); error != cudaSuccess) return error;
  if (const cudaError_t error = check_device(peer); error != cudaSuccess) return error;
  *can = 0;
  return cudaSuccess;
}
