// What the CUDA runtime hands out, owned.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <utility>

#include "runtime/device_guard.hpp"
#include "runtime/errors.hpp"

namespace indrnn::cuda {

// The device that is current in this thread.
inline int current_device() {
  int device = 0;
  check(cudaGetDevice(&device), "asking for the current device");
  return device;
}

inline int device_attribute(cudaDeviceAttr attribute, int device) {
  int value = 0;
  check(cudaDeviceGetAttribute(&value, attribute, device), "asking what the device has");
  return value;
}

// A handle with what frees it; its device must be current when it is made, and is when it is freed.
template <class Handle, cudaError_t (*destroy)(Handle)>
class Owned {
 public:
  Owned() = default;
  explicit Owned(Handle handle) : handle_(handle), device_(current_device()) {}
  Owned(Owned&& other) noexcept : handle_(std::exchange(other.handle_, Handle{})), device_(other.device_) {}
  Owned& operator=(Owned&& other) noexcept {
    std::swap(handle_, other.handle_);
    std::swap(device_, other.device_);
    return *this;
  }
  ~Owned() {
    if (handle_ == Handle{}) return;
    try {
      const DeviceGuard guard(device_);
      destroy(handle_);
    } catch (...) {  // the driver has gone, and the handle with it
    }
  }
  Handle get() const { return handle_; }

 private:
  Handle handle_{};
  int device_ = 0;
};

using Stream = Owned<cudaStream_t, cudaStreamDestroy>;
using Event = Owned<cudaEvent_t, cudaEventDestroy>;
using GraphHandle = Owned<cudaGraph_t, cudaGraphDestroy>;
using GraphExecution = Owned<cudaGraphExec_t, cudaGraphExecDestroy>;

Stream make_stream();
Event make_event();

inline cudaError_t free_device(void* pointer) { return cudaFree(pointer); }
inline cudaError_t free_pinned(void* pointer) { return cudaFreeHost(pointer); }

template <cudaError_t (*destroy)(void*)>
class Memory : public Owned<void*, destroy> {
 public:
  Memory() = default;
  Memory(void* pointer, std::size_t bytes) : Owned<void*, destroy>(pointer), bytes_(bytes) {}
  std::size_t bytes() const { return bytes_; }
  template <class T>
  T* as() const {
    return static_cast<T*>(this->get());
  }

 private:
  std::size_t bytes_ = 0;
};
using DeviceMemory = Memory<free_device>;
using PinnedMemory = Memory<free_pinned>;

// On the current device. Where it is full, what caches of blocks hold unused is freed first (block_cache.hpp).
DeviceMemory allocate_device(std::size_t bytes);
// Host memory that the device reads and writes by itself.
PinnedMemory allocate_pinned(std::size_t bytes);

}  // namespace indrnn::cuda
