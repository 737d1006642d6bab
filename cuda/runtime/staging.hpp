// Copies between the caller's arrays, wherever they lie, and device memory. Host arrays pass through pinned memory, so
// that the copies run in the stream; arrays that lie on the device already are copied within it.
#pragma once

#include <cstddef>
#include <vector>

#include "runtime/handles.hpp"

namespace indrnn::cuda {

// Whether the pointer is memory of a device (or managed memory).
bool is_device_pointer(const void* pointer);
bool is_device_pointer(const void* pointer, int device);  // of this device
// Whether the stream is recording a graph instead of running.
bool is_capturing(cudaStream_t stream);

// Where to copy from, inside the stream.
struct Source {
  const void* pointer = nullptr;
  cudaMemcpyKind kind = cudaMemcpyDeviceToDevice;
};

// Towards the device. begin() makes room, and waits for the device only where what was staged before is in the way;
// stage() copies the array, which its owner may then change; end() marks the place in the stream behind which the staged
// bytes are no longer needed. It may be called again as more of them are copied, and belongs right behind a copy.
class StagingIn {
 public:
  StagingIn() : read_(make_event()) {}
  void begin(std::size_t bytes, cudaStream_t stream);  // of all host arrays that are to come
  Source stage(const void* from, std::size_t bytes);
  void end(cudaStream_t stream);

 private:
  PinnedMemory memory_;
  std::size_t used_ = 0;
  bool staged_ = false;  // anything since begin()
  Event read_;
};

// Towards the host. fetch() copies in the stream, to device memory directly; end() waits and writes the host's arrays.
class StagingOut {
 public:
  void begin(std::size_t bytes);  // of all host arrays that are to come
  void fetch(const void* from, void* to, std::size_t bytes, cudaStream_t stream);
  void end(cudaStream_t stream);

 private:
  struct Pending {
    void* to;
    std::size_t offset, bytes;
  };
  PinnedMemory memory_;
  std::size_t used_ = 0;
  std::vector<Pending> pending_;
};

}  // namespace indrnn::cuda
