#include <algorithm>
#include <chrono>
#include <set>

#include "counters.hpp"
#include "emulation/runtime_api.hpp"
#include "runtime.hpp"

namespace emulation {
namespace {

std::set<CUevent_st*>& events() {
  static std::set<CUevent_st*> instance;
  return instance;
}

cudaError_t check_event(cudaEvent_t event) {
  if (const cudaError_t error = check_context(); error != cudaSuccess) return error;
  return events().contains(event) ? cudaSuccess
                                  : failed(cudaErrorInvalidResourceHandle, "an event that does not exist");
}

}  // namespace
}  // namespace emulation

using namespace emulation;

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  const std::scoped_lock lock(runtime_mutex());
  if (const cudaError_t error = check_context(); error != cudaSuccess) return error;
  *event = new CUevent_st{.device = current_device(),
                          .timed = (flags & cudaEventDisableTiming) == 0,
                          .recorded = nullptr,
                          .captured_in = {}};
  events().insert(*event);
  return cudaSuccess;
}
cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, cudaEventDefault); }

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  const std::scoped_lock lock(runtime_mutex());
  if (const cudaError_t error = check_event(event); error != cudaSuccess) return error;
  events().erase(event);
  delete event;
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const std::scoped_lock lock(runtime_mutex());
  if (const cudaError_t error = check_event(event); error != cudaSuccess) return error;
  if (const cudaError_t error = check_stream(stream); error != cudaSuccess) return error;
  const bool legacy = stream == nullptr || stream == cudaStreamLegacy;
  if (event->device != (legacy ? current_device() : stream->device)) {
    return failed(cudaErrorInvalidResourceHandle, "an event is recorded in a stream of another device");
  }
  if (const Capture* capture = capture_of(stream)) {
    if (capture->invalidated) return failed(cudaErrorStreamCaptureInvalidated);
    event->captured_in = stream->capture;
    event->recorded = nullptr;
    return cudaSuccess;  // a graph's operations are replayed in order: nothing to record
  }
  event->captured_in.reset();
  event->recorded = std::make_shared<Recorded>(Recorded{.stream = stream});
  return enqueue(stream, {Operation::Kind::record, nullptr, event->recorded});
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  const std::scoped_lock lock(runtime_mutex());
  if (const cudaError_t error = check_event(event); error != cudaSuccess) return error;
  if (const cudaError_t error = check_not_capturing("cudaEventQuery"); error != cudaSuccess) return error;
  if (event->recorded == nullptr || event->recorded->done) return cudaSuccess;
  cudaStreamQuery(event->recorded->stream);  // a little progress, so that polling ends
  return cudaErrorNotReady;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  const std::scoped_lock lock(runtime_mutex());
  if (const cudaError_t error = check_event(event); error != cudaSuccess) return error;
  if (const cudaError_t error = check_not_capturing("cudaEventSynchronize"); error != cudaSuccess)
    return error;
  if (event->recorded == nullptr || event->recorded->done) return cudaSuccess;
  ++calls()["cudaEventSynchronize"];  // that had to wait
  drain_until(*event->recorded);
  return cudaSuccess;
}

// There is no device whose time could be taken: the answer is a small positive number.
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  const std::scoped_lock lock(runtime_mutex());
  for (const cudaEvent_t event : {start, end}) {
    if (const cudaError_t error = check_event(event); error != cudaSuccess) return error;
    if (!event->timed || event->recorded == nullptr) return failed(cudaErrorInvalidResourceHandle);
    if (!event->recorded->done) return failed(cudaErrorNotReady);
  }
  *milliseconds = 0.001F;
  return cudaSuccess;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  const std::scoped_lock lock(runtime_mutex());
  if (const cudaError_t error = check_event(event); error != cudaSuccess) return error;
  if (const cudaError_t error = check_stream(stream); error != cudaSuccess) return error;
  if (const std::shared_ptr<Capture> capture = event->captured_in.lock()) {
    if (stream == nullptr || stream == cudaStreamLegacy) return failed(cudaErrorStreamCaptureImplicit);
    if (stream->capture == nullptr) {
      stream->capture = capture;  // the stream joins the capture
      capture->streams.push_back(stream);
    }
    return stream->capture == capture ? cudaSuccess : failed(cudaErrorStreamCaptureIsolation);
  }
  if (capture_of(stream) != nullptr) {
    capture_of(stream)->invalidated = true;
    return failed(cudaErrorStreamCaptureIsolation,
                  "a capturing stream waits for an event outside of its capture");
  }
  if (event->recorded == nullptr) return cudaSuccess;
  return enqueue(stream, {Operation::Kind::wait, nullptr, event->recorded});
}
