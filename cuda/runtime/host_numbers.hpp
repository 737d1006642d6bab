// Numbers of the device that the host changes in the middle of a call: it fetches them, waits, and puts them back.
#pragma once

#include <cstdint>

#include "indrnn/error.hpp"
#include "runtime/handles.hpp"
#include "runtime/staging.hpp"

namespace indrnn::cuda {

class HostNumbers {
 public:
  // Waits for the stream. The numbers may be changed until they are put back.
  double* fetch(const double* from, std::int64_t count, cudaStream_t stream) {
    const std::size_t bytes = static_cast<std::size_t>(count) * sizeof(double);
    if (is_capturing(stream)) {
      throw DeviceError(
          "[cuda] a step with set_reduction cannot be captured: its batch norms wait for the other ranks");
    }
    if (bytes > memory_.bytes()) {
      check(cudaStreamSynchronize(stream), "waiting for the device");  // it may still read the smaller memory
      memory_ = allocate_pinned(bytes);
    }
    check(cudaMemcpyAsync(memory_.as<double>(), from, bytes, cudaMemcpyDeviceToHost, stream),
          "copying to the host");
    check(cudaStreamSynchronize(stream), "waiting for the device");
    return memory_.as<double>();
  }

  // Of the last fetch, or its first `count`.
  void put_back(double* to, std::int64_t count, cudaStream_t stream) {
    check(cudaMemcpyAsync(to, memory_.as<double>(), static_cast<std::size_t>(count) * sizeof(double),
                          cudaMemcpyHostToDevice, stream),
          "copying to the device");
  }

 private:
  PinnedMemory memory_;
};

}  // namespace indrnn::cuda
