// Stream capture and graphs. A graph is the list of captured operations in the order in which they were queued.
#include <algorithm>

#include "counters.hpp"
#include "emulation/runtime_api.hpp"
#include "runtime.hpp"

using namespace emulation;

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  const std::scoped_lock lock(runtime_mutex());
  if (const cudaError_t error = check_stream(stream); error != cudaSuccess) return error;
  if (stream == nullptr || stream == cudaStreamLegacy) {
    return failed(cudaErrorStreamCaptureUnsupported, "the legacy stream cannot be captured");
  }
  if (stream->capture != nullptr) return failed(cudaErrorInvalidValue, "the stream is capturing already");
  stream->capture = std::make_shared<Capture>(Capture{.mode = mode,
                                                      .thread = std::this_thread::get_id(),
                                                      .origin = stream,
                                                      .streams = {stream},
                                                      .operations = {},
                                                      .invalidated = false});
  captures().push_back(stream->capture);
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  const std::scoped_lock lock(runtime_mutex());
  if (const cudaError_t error = check_stream(stream); error != cudaSuccess) return error;
  *graph = nullptr;
  if (capture_of(stream) == nullptr) return failed(cudaErrorInvalidValue, "the stream is not capturing");
  const std::shared_ptr<Capture> capture = stream->capture;
  if (capture->origin != stream) return failed(cudaErrorStreamCaptureUnmatched);
  for (CUstream_st* each : capture->streams) each->capture = nullptr;
  std::erase(captures(), capture);
  if (capture->invalidated) return failed(cudaErrorStreamCaptureInvalidated);
  *graph = new CUgraph_st{.operations = std::move(capture->operations)};
  return cudaSuccess;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  const std::scoped_lock lock(runtime_mutex());
  if (const cudaError_t error = check_stream(stream); error != cudaSuccess) return error;
  const Capture* capture = capture_of(stream);
  *status = capture == nullptr     ? cudaStreamCaptureStatusNone
            : capture->invalidated ? cudaStreamCaptureStatusInvalidated
                                   : cudaStreamCaptureStatusActive;
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long) {
  const std::scoped_lock lock(runtime_mutex());
  if (graph == nullptr) return failed(cudaErrorInvalidValue);
  *executable = new CUgraphExec_st{.operations = graph->operations};
  return cudaSuccess;
}

cudaError_t cudaGraphExecUpdate(cudaGraphExec_t executable, cudaGraph_t graph,
                                cudaGraphExecUpdateResultInfo* result) {
  const std::scoped_lock lock(runtime_mutex());
  if (executable == nullptr || graph == nullptr) return failed(cudaErrorInvalidValue);
  const bool same =
      std::ranges::equal(executable->operations, graph->operations, {}, &Operation::kind, &Operation::kind);
  *result = {same ? cudaGraphExecUpdateSuccess : cudaGraphExecUpdateError, nullptr, nullptr};
  if (!same) return failed(cudaErrorGraphExecUpdateFailure);
  executable->operations = graph->operations;
  return cudaSuccess;
}

cudaError_t cudaGraphUpload(cudaGraphExec_t executable, cudaStream_t stream) {
  const std::scoped_lock lock(runtime_mutex());
  return executable == nullptr ? failed(cudaErrorInvalidValue) : check_stream(stream);
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  const std::scoped_lock lock(runtime_mutex());
  if (executable == nullptr) return failed(cudaErrorInvalidValue);
  if (const cudaError_t error = check_stream(stream); error != cudaSuccess) return error;
  if (capture_of(stream) != nullptr)
    return failed(cudaErrorNotSupported, "a graph inside a graph is not emulated");
  ++counters()["graph"].launches;
  for (const Operation& operation : executable->operations) {
    if (const cudaError_t error = enqueue(stream, operation); error != cudaSuccess) return error;
  }
  return cudaSuccess;
}

cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t* nodes, std::size_t* count) {
  const std::scoped_lock lock(runtime_mutex());
  if (graph == nullptr || nodes != nullptr)
    return failed(cudaErrorInvalidValue, "only the count of nodes is emulated");
  *count = graph->operations.size();
  return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  const std::scoped_lock lock(runtime_mutex());
  delete graph;
  return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  const std::scoped_lock lock(runtime_mutex());
  delete executable;
  return cudaSuccess;
}
