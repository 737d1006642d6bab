// Makes a device current for a scope and leaves the thread as it was. The device's context is pushed and popped by the
// driver: to choose the device before by cudaSetDevice would make a context there, some hundred megabytes on a GPU that
// nobody uses.
#pragma once

namespace indrnn::cuda {

class DeviceGuard {
 public:
  explicit DeviceGuard(int device);
  ~DeviceGuard();
  DeviceGuard(const DeviceGuard&) = delete;
  DeviceGuard& operator=(const DeviceGuard&) = delete;

 private:
  bool changed_ = false;
};

}  // namespace indrnn::cuda
