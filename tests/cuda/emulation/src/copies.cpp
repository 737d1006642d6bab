// Copies and fills. A copy from pinned host memory reads it when it runs; from other host memory it takes the bytes when
// it is called; into other host memory it waits, as CUDA does.
#include <cstring>
#include <memory>
#include <vector>

#include "counters.hpp"
#include "emulation/runtime_api.hpp"
#include "failure.hpp"
#include "memory.hpp"
#include "runtime.hpp"

namespace emulation {
namespace {

struct Block2D {
  std::size_t pitch;  // bytes from a row to the next
  std::size_t width;
  std::size_t height;
  std::size_t span() const { return height == 0 ? 0 : pitch * (height - 1) + width; }
};

enum class Place : std::uint8_t { device, pinned, pageable, invalid };

struct Side {
  char* address;
  Block2D shape;
  Place place;
  int device;
};

Side side(const void* address, Block2D shape, bool on_device, bool known) {
  Side result{static_cast<char*>(const_cast<void*>(address)), shape, Place::pageable, 0};
  const Allocation* allocation = find_allocation(address);
  if (allocation != nullptr) {
    const bool fits = shape.span() <= static_cast<std::size_t>(allocation->end() - result.address);
    result.place = !fits                                    ? Place::invalid
                   : allocation->kind == MemoryKind::device ? Place::device
                                                            : Place::pinned;
    result.device = allocation->device;
  } else if (in_device_range(address)) {
    result.place = Place::invalid;
  }
  // The kind of copy must say the truth about where the memory is.
  if (known && shape.span() > 0 && (result.place == Place::device) != on_device)
    result.place = Place::invalid;
  return result;
}

void copy_rows(char* to, std::size_t to_pitch, const char* from, std::size_t from_pitch, std::size_t width,
               std::size_t height) {
  for (std::size_t row = 0; row < height; ++row)
    std::memcpy(to + row * to_pitch, from + row * from_pitch, width);
}

void run_copy(const Side& to, const Side& from) {
  ++counters()["copy"].launches;
  std::vector<std::unique_ptr<OpenDeviceMemory>> open;
  for (const Side* each : {&to, &from}) {
    if (each->place != Place::device) continue;
    if (!inside_device_memory(each->address, each->shape.span(), each->device))
      fail("a copy of freed memory runs");
    open.push_back(std::make_unique<OpenDeviceMemory>(each->device));
  }
  copy_rows(to.address, to.shape.pitch, from.address, from.shape.pitch, to.shape.width, to.shape.height);
}

cudaError_t copy(const void* to_address, std::size_t to_pitch, const void* from_address,
                 std::size_t from_pitch, std::size_t width, std::size_t height, cudaMemcpyKind kind,
                 cudaStream_t stream, bool wait) {
  const std::scoped_lock lock(runtime_mutex());
  if (const cudaError_t error = check_stream(stream); error != cudaSuccess) return error;
  if (width > to_pitch || width > from_pitch)
    return failed(cudaErrorInvalidValue, "a copy wider than its pitch");
  if (wait) {
    if (const cudaError_t error = check_not_capturing("cudaMemcpy"); error != cudaSuccess) return error;
  }
  const bool known = kind != cudaMemcpyDefault;
  const Side to = side(to_address, {to_pitch, width, height},
                       kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice, known);
  const Side from = side(from_address, {from_pitch, width, height},
                         kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice, known);
  if (to.place == Place::invalid || from.place == Place::invalid) {
    return failed(cudaErrorInvalidValue, "a copy of " + std::to_string(to.shape.span()) + " bytes from " +
                                             text_of_address(from_address) + " to " +
                                             text_of_address(to_address) +
                                             ": outside of a buffer, or the wrong kind of copy");
  }
  if (width == 0 || height == 0) return cudaSuccess;
  if (capture_of(stream) != nullptr && (to.place == Place::pageable || from.place == Place::pageable)) {
    capture_of(stream)->invalidated = true;
    return failed(cudaErrorStreamCaptureUnsupported, "a copy of pageable memory during a stream capture");
  }
  if (from.place == Place::pageable) {
    auto bytes = std::make_shared<std::vector<char>>(width * height);
    copy_rows(bytes->data(), width, from.address, from_pitch, width, height);
    const Side taken{bytes->data(), {width, width, height}, Place::pageable, 0};
    const cudaError_t error =
        enqueue(stream, {Operation::Kind::copy, [to, taken, bytes] { run_copy(to, taken); }, nullptr});
    if (error != cudaSuccess) return error;
  } else {
    const cudaError_t error =
        enqueue(stream, {Operation::Kind::copy, [to, from] { run_copy(to, from); }, nullptr});
    if (error != cudaSuccess) return error;
  }
  return wait || to.place == Place::pageable ? cudaStreamSynchronize(stream) : cudaSuccess;
}

}  // namespace
}  // namespace emulation

using namespace emulation;

cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  return copy(to, bytes, from, bytes, bytes, 1, kind, nullptr, true);
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  return copy(to, bytes, from, bytes, bytes, 1, kind, stream, false);
}
cudaError_t cudaMemcpy2D(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch,
                         std::size_t width, std::size_t height, cudaMemcpyKind kind) {
  return copy(to, to_pitch, from, from_pitch, width, height, kind, nullptr, true);
}
cudaError_t cudaMemcpy2DAsync(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch,
                              std::size_t width, std::size_t height, cudaMemcpyKind kind,
                              cudaStream_t stream) {
  return copy(to, to_pitch, from, from_pitch, width, height, kind, stream, false);
}
cudaError_t cudaMemcpyPeerAsync(void* to, int to_device, const void* from, int from_device, std::size_t bytes,
                                cudaStream_t stream) {
  const std::scoped_lock lock(runtime_mutex());
  if (!inside_device_memory(to, bytes, to_device) || !inside_device_memory(from, bytes, from_device)) {
    return failed(cudaErrorInvalidValue, "cudaMemcpyPeerAsync: not memory of these devices");
  }
  return copy(to, bytes, from, bytes, bytes, 1, cudaMemcpyDeviceToDevice, stream, false);
}

cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t stream) {
  const std::scoped_lock lock(runtime_mutex());
  if (const cudaError_t error = check_stream(stream); error != cudaSuccess) return error;
  if (bytes == 0) return cudaSuccess;
  const Allocation* allocation = find_allocation(to);
  if (allocation == nullptr || !inside_device_memory(to, bytes, allocation->device)) {
    return failed(cudaErrorInvalidValue, "cudaMemset: outside of a device buffer");
  }
  const int device = allocation->device;
  return enqueue(stream, {Operation::Kind::fill,
                          [to, value, bytes, device] {
                            ++counters()["fill"].launches;
                            if (!inside_device_memory(to, bytes, device)) fail("a fill of freed memory runs");
                            const OpenDeviceMemory open(device);
                            std::memset(to, value, bytes);
                          },
                          nullptr});
}
cudaError_t cudaMemset(void* to, int value, std::size_t bytes) {
  return cudaMemsetAsync(to, value, bytes, nullptr);
}
