#include "runtime/handles.hpp"

#include <string>

#include "indrnn/error.hpp"
#include "runtime/block_cache.hpp"

namespace indrnn::cuda {

Stream make_stream() {
  cudaStream_t stream = nullptr;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "making a stream");
  return Stream(stream);
}

Event make_event() {
  cudaEvent_t event = nullptr;
  check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "making an event");
  return Event(event);
}

DeviceMemory allocate_device(std::size_t bytes) {
  if (bytes == 0) return {};
  void* pointer = nullptr;
  cudaError_t status = cudaMalloc(&pointer, bytes);
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    free_unused_blocks(current_device());
    status = cudaMalloc(&pointer, bytes);
  }
  check(status, "allocating device memory");
  return {pointer, bytes};
}

PinnedMemory allocate_pinned(std::size_t bytes) {
  if (bytes == 0) return {};
  void* pointer = nullptr;
  const cudaError_t status = cudaMallocHost(&pointer, bytes);
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    throw OutOfMemory("[cuda] failed while allocating pinned host memory: the host has no " +
                      std::to_string(bytes) +
                      " bytes left that it can pin for copies; use smaller arrays, or arrays on the device");
  }
  check(status, "allocating pinned host memory");
  return {pointer, bytes};
}

}  // namespace indrnn::cuda
