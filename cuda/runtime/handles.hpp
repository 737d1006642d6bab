// What the CUDA runtime hands out, owned.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <utility>

#include "runtime/errors.hpp"

namespace indrnn::cuda {

// Makes a device current for a scope.
class DeviceGuard {
 public:
  explicit DeviceGuard(int device) {
    check(cudaGetDevice(&previous_), "asking for the current device");
    if (device == previous_) return;
    check(cudaSetDevice(device), "choosing the device");
    changed_ = true;
  }
  ~DeviceGuard() {
    if (changed_) cudaSetDevice(previous_);
  }
  DeviceGuard(const DeviceGuard&) = delete;
  DeviceGuard& operator=(const DeviceGuard&) = delete;

 private:
  int previous_ = 0;
  bool changed_ = false;
};

// A handle with what frees it; its device must be current when it is made.
template <class Handle, cudaError_t (*destroy)(Handle)>
class Owned {
 public:
  Owned() = default;
  explicit Owned(Handle handle) : handle_(handle) {}
  Owned(Owned&& other) noexcept : handle_(std::exchange(other.handle_, Handle{})) {}
  Owned& operator=(Owned&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Owned() {
    if (handle_ != Handle{}) destroy(handle_);
  }
  Handle get() const { return handle_; }

 private:
  Handle handle_{};
};

using Stream = Owned<cudaStream_t, cudaStreamDestroy>;
using Event = Owned<cudaEvent_t, cudaEventDestroy>;
using GraphHandle = Owned<cudaGraph_t, cudaGraphDestroy>;
using GraphExecution = Owned<cudaGraphExec_t, cudaGraphExecDestroy>;

inline Stream make_stream() {
  cudaStream_t stream = nullptr;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "making a stream");
  return Stream(stream);
}
inline Event make_event() {
  cudaEvent_t event = nullptr;
  check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "making an event");
  return Event(event);
}

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

inline DeviceMemory allocate_device(std::size_t bytes) {
  void* pointer = nullptr;
  if (bytes > 0) check(cudaMalloc(&pointer, bytes), "allocating device memory");
  return {pointer, bytes};
}
// Host memory that the device reads and writes by itself.
inline PinnedMemory allocate_pinned(std::size_t bytes) {
  void* pointer = nullptr;
  if (bytes > 0) check(cudaMallocHost(&pointer, bytes), "allocating pinned host memory");
  return {pointer, bytes};
}

}  // namespace indrnn::cuda
