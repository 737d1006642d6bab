#include "runtime/device_guard.hpp"

#include <cuda.h>
#include <cudaTypedefs.h>
#include <cuda_runtime.h>

#include <map>
#include <mutex>
#include <string>

#include "indrnn/error.hpp"
#include "runtime/errors.hpp"

namespace indrnn::cuda {
namespace {

// A function of the driver, which the runtime has loaded: this library does not link it.
template <class Function>
Function driver_function(const char* name, unsigned version) {
  void* function = nullptr;
  cudaDriverEntryPointQueryResult found{};
#if CUDART_VERSION >= 12050
  check(cudaGetDriverEntryPointByVersion(name, &function, version, cudaEnableDefault, &found),
        "looking into the driver");
#else
  static_cast<void>(version);
  check(cudaGetDriverEntryPoint(name, &function, cudaEnableDefault, &found), "looking into the driver");
#endif
  if (function == nullptr) {
    throw DeviceError(std::string("[cuda] the NVIDIA driver has no ") + name + "; install a newer driver");
  }
  return reinterpret_cast<Function>(function);
}

// The driver's errors have the numbers of the runtime's.
void check_driver(CUresult status, const char* what) { check(static_cast<cudaError_t>(status), what); }

struct Driver {
  PFN_cuDeviceGet_v2000 device = driver_function<PFN_cuDeviceGet_v2000>("cuDeviceGet", 2000);
  PFN_cuDevicePrimaryCtxRetain_v7000 retain =
      driver_function<PFN_cuDevicePrimaryCtxRetain_v7000>("cuDevicePrimaryCtxRetain", 7000);
  PFN_cuCtxPushCurrent_v4000 push = driver_function<PFN_cuCtxPushCurrent_v4000>("cuCtxPushCurrent", 4000);
  PFN_cuCtxPopCurrent_v4000 pop = driver_function<PFN_cuCtxPopCurrent_v4000>("cuCtxPopCurrent", 4000);
};

const Driver& driver() {
  static const Driver instance;
  return instance;
}

// The context that the runtime uses too. It stays until the process ends, as the runtime's do.
CUcontext context_of(int index) {
  static std::mutex mutex;
  static auto* contexts = new std::map<int, CUcontext>;  // networks may end after static objects do
  const std::scoped_lock lock(mutex);
  const auto known = contexts->find(index);
  if (known != contexts->end()) return known->second;
  CUdevice device = 0;
  CUcontext context = nullptr;
  check_driver(driver().device(&device, index), "choosing the device");
  check_driver(driver().retain(&context, device), "choosing the device");
  contexts->emplace(index, context);
  return context;
}

}  // namespace

DeviceGuard::DeviceGuard(int device) {
  int current = 0;
  check(cudaGetDevice(&current), "asking for the current device");
  if (device == current) return;
  check_driver(driver().push(context_of(device)), "choosing the device");
  changed_ = true;
}

DeviceGuard::~DeviceGuard() {
  CUcontext ours = nullptr;
  if (changed_) driver().pop(&ours);
}

}  // namespace indrnn::cuda
