// Streams are queues. Their work runs when something waits for it, or at a random moment: a host that reads a result
// without waiting sees what was there before.
#include <algorithm>
#include <set>

#include "counters.hpp"
#include "emulation/runtime_api.hpp"
#include "failure.hpp"
#include "options.hpp"
#include "runtime.hpp"

namespace emulation {
namespace {

std::set<CUstream_st*>& streams() {
  static std::set<CUstream_st*> instance;
  return instance;
}

constinit thread_local cudaStreamCaptureMode mode_of_thread = cudaStreamCaptureModeGlobal;

bool is_legacy(cudaStream_t stream) { return stream == nullptr || stream == cudaStreamLegacy; }

// Whatever the thread and the mode: a stream that is being captured does not run.
cudaError_t check_no_capture_of(cudaStream_t stream, const char* function) {
  Capture* capture = capture_of(stream);
  if (capture == nullptr) return cudaSuccess;
  capture->invalidated = true;
  return failed(cudaErrorStreamCaptureUnsupported, std::string(function) + " of a capturing stream");
}

void run_next(CUstream_st& stream) {
  const Operation operation = std::move(stream.queue.front());
  stream.queue.pop_front();
  if (operation.kind == Operation::Kind::wait) {
    if (!operation.recorded->done) drain_until(*operation.recorded);
  } else if (operation.kind == Operation::Kind::record) {
    operation.recorded->done = true;
  } else {
    operation.run();
  }
}

}  // namespace

std::vector<std::shared_ptr<Capture>>& captures() {
  static std::vector<std::shared_ptr<Capture>> instance;
  return instance;
}

Capture* capture_of(cudaStream_t stream) { return is_legacy(stream) ? nullptr : stream->capture.get(); }

cudaError_t check_stream(cudaStream_t stream) {
  if (const cudaError_t error = check_context(); error != cudaSuccess) return error;
  if (is_legacy(stream) || streams().contains(stream)) return cudaSuccess;
  return failed(cudaErrorInvalidResourceHandle, stream == cudaStreamPerThread
                                                    ? "the per-thread stream is not emulated"
                                                    : "a stream that does not exist");
}

cudaError_t check_not_capturing(const char* function) {
  if (mode_of_thread == cudaStreamCaptureModeRelaxed) return cudaSuccess;
  for (const auto& capture : captures()) {
    const bool own = capture->thread == std::this_thread::get_id();
    const bool global =
        capture->mode == cudaStreamCaptureModeGlobal && mode_of_thread == cudaStreamCaptureModeGlobal;
    if (capture->mode == cudaStreamCaptureModeRelaxed || !(own || global)) continue;
    capture->invalidated = true;
    return failed(cudaErrorStreamCaptureUnsupported, std::string(function) + " during a stream capture");
  }
  return cudaSuccess;
}

cudaError_t enqueue(cudaStream_t stream, Operation operation) {
  if (const cudaError_t error = check_stream(stream); error != cudaSuccess) return error;
  if (is_legacy(stream)) {
    for (const auto& capture : captures()) {
      if (!capture->origin->blocking) continue;
      capture->invalidated = true;
      return failed(cudaErrorStreamCaptureImplicit, "the legacy stream is used during a stream capture");
    }
    const int device = current_device();
    for (CUstream_st* each : streams()) {
      if (each->blocking && each->device == device) drain(*each);
    }
    CUstream_st legacy{.device = device, .queue = {}, .capture = nullptr};
    legacy.queue.push_back(std::move(operation));
    drain(legacy);
    return cudaSuccess;
  }
  if (Capture* capture = stream->capture.get()) {
    if (capture->invalidated) return failed(cudaErrorStreamCaptureInvalidated);
    capture->operations.push_back(std::move(operation));
    return cudaSuccess;
  }
  stream->queue.push_back(std::move(operation));
  if (options().progress == Progress::eager) drain(*stream);
  progress_at_random();
  return cudaSuccess;
}

void drain(CUstream_st& stream) {
  while (!stream.queue.empty()) run_next(stream);
}

void drain_until(const Recorded& recorded) {
  while (!recorded.done) {
    if (!streams().contains(recorded.stream) || recorded.stream->queue.empty()) {
      fail("a stream waits for an event that nothing will record");
    }
    run_next(*recorded.stream);
  }
}

void drain_device(int device) {
  for (CUstream_st* stream : streams()) {
    if (stream->device == device) drain(*stream);
  }
}

void finish_everything() {
  for (CUstream_st* stream : streams()) drain(*stream);
}

void progress_at_random() {
  static Random random(0x73747265616d);
  if (options().progress != Progress::random || random.below(8) != 0) return;
  auto stream = streams().begin();
  std::advance(stream, static_cast<std::ptrdiff_t>(random.below(streams().size())));
  for (std::uint64_t count = random.below(16); count > 0 && !(*stream)->queue.empty(); --count)
    run_next(**stream);
}

}  // namespace emulation

using namespace emulation;

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  const std::scoped_lock lock(runtime_mutex());
  if (const cudaError_t error = check_context(); error != cudaSuccess) return error;
  *stream = new CUstream_st{.device = current_device(),
                            .blocking = (flags & cudaStreamNonBlocking) == 0,
                            .queue = {},
                            .capture = nullptr};
  streams().insert(*stream);
  return cudaSuccess;
}
cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  return cudaStreamCreateWithFlags(stream, cudaStreamDefault);
}
cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned flags, int) {
  return cudaStreamCreateWithFlags(stream, flags);
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  const std::scoped_lock lock(runtime_mutex());
  if (is_legacy(stream)) return failed(cudaErrorInvalidResourceHandle);
  if (const cudaError_t error = check_stream(stream); error != cudaSuccess) return error;
  drain(*stream);
  streams().erase(stream);
  delete stream;
  return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  const std::scoped_lock lock(runtime_mutex());
  if (const cudaError_t error = check_stream(stream); error != cudaSuccess) return error;
  ++calls()["cudaStreamSynchronize"];
  if (const cudaError_t error = check_not_capturing("cudaStreamSynchronize"); error != cudaSuccess)
    return error;
  if (const cudaError_t error = check_no_capture_of(stream, "cudaStreamSynchronize"); error != cudaSuccess)
    return error;
  if (is_legacy(stream)) {
    drain_device(current_device());
  } else {
    drain(*stream);
  }
  return cudaSuccess;
}

cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode* mode) {
  if (mode == nullptr) return failed(cudaErrorInvalidValue);
  std::swap(*mode, mode_of_thread);
  return cudaSuccess;
}

cudaError_t cudaStreamQuery(cudaStream_t stream) {
  const std::scoped_lock lock(runtime_mutex());
  if (const cudaError_t error = check_stream(stream); error != cudaSuccess) return error;
  if (const cudaError_t error = check_not_capturing("cudaStreamQuery"); error != cudaSuccess) return error;
  if (const cudaError_t error = check_no_capture_of(stream, "cudaStreamQuery"); error != cudaSuccess)
    return error;
  if (is_legacy(stream) || stream->queue.empty()) return cudaSuccess;
  run_next(*stream);
  return cudaErrorNotReady;
}

cudaError_t cudaDeviceSynchronize() {
  const std::scoped_lock lock(runtime_mutex());
  if (const cudaError_t error = check_context(); error != cudaSuccess) return error;
  ++calls()["cudaDeviceSynchronize"];
  if (const cudaError_t error = check_not_capturing("cudaDeviceSynchronize"); error != cudaSuccess)
    return error;
  drain_device(current_device());
  return cudaSuccess;
}

cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void* data) {
  const std::scoped_lock lock(runtime_mutex());
  return enqueue(stream, {Operation::Kind::host, [function, data] { function(data); }, nullptr});
}
