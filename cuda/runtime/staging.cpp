#include "runtime/staging.hpp"

#include <cstring>

#include "indrnn/error.hpp"

namespace indrnn::cuda {
namespace {

constexpr std::size_t alignment = 256;
// Room for the small arrays that follow a large one: targets, lengths.
constexpr std::size_t spare = std::size_t{1} << 20U;

std::size_t round_up(std::size_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

void refuse_capture(cudaStream_t stream) {
  if (!is_capturing(stream)) return;
  throw DeviceError(
      "[cuda] a step can be captured only if all its arrays and states lie on the device; got a host array");
}

}  // namespace

namespace {

cudaPointerAttributes attributes_of(const void* pointer) {
  cudaPointerAttributes attributes{};
  check(cudaPointerGetAttributes(&attributes, pointer), "asking where an array lies");
  return attributes;
}

}  // namespace

bool is_device_pointer(const void* pointer) {
  if (pointer == nullptr) return false;
  const cudaMemoryType type = attributes_of(pointer).type;
  return type == cudaMemoryTypeDevice || type == cudaMemoryTypeManaged;
}

bool is_device_pointer(const void* pointer, int device) {
  if (pointer == nullptr) return false;
  const cudaPointerAttributes attributes = attributes_of(pointer);
  return attributes.type == cudaMemoryTypeManaged ||
         (attributes.type == cudaMemoryTypeDevice && attributes.device == device);
}

bool is_capturing(cudaStream_t stream) {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  check(cudaStreamIsCapturing(stream, &status), "asking whether work is being captured");
  return status != cudaStreamCaptureStatusNone;
}

void StagingIn::begin(std::size_t bytes, cudaStream_t stream) {
  staged_ = false;
  if (bytes == 0) return;
  refuse_capture(stream);
  const std::size_t needed = bytes + 8 * alignment;  // each of the few arrays starts aligned
  if (used_ + needed <= memory_.bytes()) return;
  used_ = 0;
  if (needed <= memory_.bytes()) {
    check(cudaEventSynchronize(read_.get()), "waiting for a copy to the device");
  } else {
    check(cudaStreamSynchronize(stream), "waiting for the device");  // it may still read the smaller memory
    memory_ = allocate_pinned(needed + spare);
  }
}

Source StagingIn::stage(const void* from, std::size_t bytes) {
  if (is_device_pointer(from)) return {from, cudaMemcpyDeviceToDevice};
  if (bytes == 0) return {};
  std::byte* place = memory_.as<std::byte>() + used_;
  std::memcpy(place, from, bytes);
  used_ += round_up(bytes);
  staged_ = true;
  return {place, cudaMemcpyHostToDevice};
}

void StagingIn::end(cudaStream_t stream) {
  if (staged_) check(cudaEventRecord(read_.get(), stream), "marking a copy to the device");
}

void StagingOut::begin(std::size_t bytes) {
  used_ = 0;
  pending_.clear();
  if (bytes > memory_.bytes()) memory_ = allocate_pinned(bytes);
}

void StagingOut::fetch(const void* from, void* to, std::size_t bytes, cudaStream_t stream) {
  if (bytes == 0) return;
  if (is_device_pointer(to)) {
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream), "copying on the device");
    return;
  }
  refuse_capture(stream);
  check(cudaMemcpyAsync(memory_.as<std::byte>() + used_, from, bytes, cudaMemcpyDeviceToHost, stream),
        "copying to the host");
  pending_.push_back({to, used_, bytes});
  used_ += bytes;  // no gaps: there may be as many windows as steps
}

void StagingOut::end(cudaStream_t stream) {
  if (pending_.empty()) return;
  check(cudaStreamSynchronize(stream), "waiting for the device");
  for (const Pending& each : pending_)
    std::memcpy(each.to, memory_.as<std::byte>() + each.offset, each.bytes);
  pending_.clear();
}

}  // namespace indrnn::cuda
