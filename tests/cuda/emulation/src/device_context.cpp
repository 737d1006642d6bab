#include "device_context.hpp"

#include <cudaTypedefs.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <map>
#include <string>
#include <vector>

#include "address_range.hpp"
#include "emulation/runtime_api.hpp"
#include "options.hpp"
#include "runtime.hpp"

struct CUctx_st {
  std::atomic<bool> made = false;
};

namespace emulation {
namespace {

std::array<CUctx_st, most_devices>& contexts() {
  static std::array<CUctx_st, most_devices> instance;  // by device
  return instance;
}

std::atomic<pid_t> maker = 0;  // the process that made the first context

// What a thread has current: the last of the stack, or, by the runtime, its device's.
struct Current {
  int device = 0;
  std::vector<int> pushed;
};
thread_local Current current;

CUresult device_get(CUdevice* device, int index) {
  if (index < 0 || index >= options().devices) return CUDA_ERROR_INVALID_DEVICE;
  *device = index;
  return CUDA_SUCCESS;
}

CUresult retain(CUcontext* context, CUdevice device) {
  make_context(device);
  *context = &contexts().at(static_cast<std::size_t>(device));
  return CUDA_SUCCESS;
}

CUresult push(CUcontext context) {
  current.pushed.push_back(static_cast<int>(context - contexts().data()));
  return CUDA_SUCCESS;
}

CUresult pop(CUcontext* context) {
  if (current.pushed.empty()) return CUDA_ERROR_INVALID_CONTEXT;
  *context = &contexts().at(static_cast<std::size_t>(current.pushed.back()));
  current.pushed.pop_back();
  return CUDA_SUCCESS;
}

}  // namespace

bool context_made(int device) { return contexts().at(static_cast<std::size_t>(device)).made; }

void make_context(int device) {
  pid_t nobody = 0;
  maker.compare_exchange_strong(nobody, getpid());
  contexts().at(static_cast<std::size_t>(device)).made = true;
}

bool forked_with_contexts() { return maker != 0 && maker != getpid(); }

int current_device() { return current.pushed.empty() ? current.device : current.pushed.back(); }

cudaError_t check_context() {
  if (const cudaError_t error = check_driver(); error != cudaSuccess) return error;
  make_context(current_device());
  return cudaSuccess;
}

void choose_device(int device) {
  make_context(device);
  if (current.pushed.empty()) {
    current.device = device;
  } else {
    current.pushed.back() = device;
  }
}

}  // namespace emulation

using namespace emulation;

cudaError_t cudaGetDriverEntryPointByVersion(const char* name, void** function, unsigned, unsigned long long,
                                             cudaDriverEntryPointQueryResult* found) {
  if (const cudaError_t error = check_driver(); error != cudaSuccess) return error;
  static const std::map<std::string, void*> functions = {
      {"cuDeviceGet", reinterpret_cast<void*>(&device_get)},
      {"cuDevicePrimaryCtxRetain", reinterpret_cast<void*>(&retain)},
      {"cuCtxPushCurrent", reinterpret_cast<void*>(&push)},
      {"cuCtxPopCurrent", reinterpret_cast<void*>(&pop)}};
  const auto known = functions.find(name);
  *function = known == functions.end() ? nullptr : known->second;
  *found = known == functions.end() ? cudaDriverEntryPointSymbolNotFound : cudaDriverEntryPointSuccess;
  return cudaSuccess;
}

int cuda_emulation_context_made(int device) { return context_made(device) ? 1 : 0; }
