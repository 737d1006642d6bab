// For the emulator's tests: device arrays and launches in one line.
#pragma once

#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <vector>

#include "options.hpp"

namespace emulation::test {

#define EXPECT_CUDA(call) EXPECT_EQ(call, cudaSuccess)

// Device memory that is freed with its scope.
template <class T>
class DeviceArray {
 public:
  explicit DeviceArray(std::size_t size) : size_(size) { EXPECT_CUDA(cudaMalloc(&data_, size * sizeof(T))); }
  explicit DeviceArray(const std::vector<T>& values) : DeviceArray(values.size()) {
    EXPECT_CUDA(cudaMemcpy(data_, values.data(), size_ * sizeof(T), cudaMemcpyHostToDevice));
  }
  ~DeviceArray() { EXPECT_CUDA(cudaFree(data_)); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  T* data() const { return data_; }
  std::vector<T> values() const {
    std::vector<T> result(size_);
    EXPECT_CUDA(cudaMemcpy(result.data(), data_, size_ * sizeof(T), cudaMemcpyDeviceToHost));
    return result;
  }

 private:
  std::size_t size_;
  T* data_ = nullptr;
};

// What dies does so in a process of its own, started anew: contexts do not work in a forked one.
class DeathTest : public testing::Test {
 protected:
  DeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

struct Shape {
  dim3 grid;
  dim3 block;
  std::size_t shared_bytes = 0;
  cudaStream_t stream = nullptr;
};

template <class... Parameters, class... Arguments>
cudaError_t launch(const char* name, const Shape& shape, void (*kernel)(Parameters...),
                   Arguments... arguments) {
  const cudaLaunchConfig_t config{.gridDim = shape.grid,
                                  .blockDim = shape.block,
                                  .dynamicSmemBytes = shape.shared_bytes,
                                  .stream = shape.stream};
  name_next_launch(name);
  return cudaLaunchKernelEx(&config, kernel, arguments...);
}

// Settings for one test; the environment's come back with the end of the scope.
class WithOptions {
 public:
  WithOptions() : before_(options()) {}
  ~WithOptions() { options() = before_; }
  WithOptions(const WithOptions&) = delete;
  WithOptions& operator=(const WithOptions&) = delete;
  Options* operator->() { return &options(); }

 private:
  Options before_;
};

}  // namespace emulation::test
