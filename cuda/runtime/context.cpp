#include "runtime/context.hpp"

#include <algorithm>

#include "indrnn/error.hpp"

namespace indrnn::cuda {

struct Context::Capture {
  std::vector<std::function<void()>> before_launch;
  std::vector<std::shared_ptr<void>> memory;
};

namespace {

class CapturedGraph : public CapturedWork {
 public:
  CapturedGraph(int device, cudaStream_t stream, GraphExecution execution,
                std::vector<std::function<void()>> before_launch, std::vector<std::shared_ptr<void>> memory)
      : device_(device),
        stream_(stream),
        execution_(std::move(execution)),
        before_launch_(std::move(before_launch)),
        memory_(std::move(memory)) {}

  // Its memory must outlive its last launch.
  ~CapturedGraph() override {
    try {
      const DeviceGuard guard(device_);
      cudaEventSynchronize(launched_.get());
    } catch (const Error&) {  // the driver has gone
    }
  }

  void launch() override {
    const DeviceGuard guard(device_);
    // The last launch must have read its numbers from pinned memory before they are renewed.
    check(cudaEventSynchronize(launched_.get()), "waiting for captured work");
    for (const auto& action : before_launch_) action();
    check(cudaGraphLaunch(execution_.get(), stream_), "launching captured work");
    check(cudaEventRecord(launched_.get(), stream_), "marking captured work");
  }

 private:
  int device_;
  cudaStream_t stream_;
  GraphExecution execution_;
  std::vector<std::function<void()>> before_launch_;
  std::vector<std::shared_ptr<void>> memory_;
  Event launched_ = make_event();
};

class Mark : public QueueMark {
 public:
  explicit Mark(cudaStream_t stream) { check(cudaEventRecord(event_.get(), stream), "marking the stream"); }
  bool reached() const override {
    const cudaError_t status = cudaEventQuery(event_.get());
    if (status != cudaErrorNotReady) check(status, "asking whether work is done");
    return status == cudaSuccess;
  }

 private:
  Event event_ = make_event();
};

// What a capture forbids because it might wait is allowed inside: it does not touch the stream.
class WhileCapturing {
 public:
  WhileCapturing() { check(cudaThreadExchangeStreamCaptureMode(&mode_), "allowing memory while capturing"); }
  ~WhileCapturing() { cudaThreadExchangeStreamCaptureMode(&mode_); }
  WhileCapturing(const WhileCapturing&) = delete;
  WhileCapturing& operator=(const WhileCapturing&) = delete;

 private:
  cudaStreamCaptureMode mode_ = cudaStreamCaptureModeRelaxed;
};

}  // namespace

int device_count() {
  int count = 0;
  check(cudaGetDeviceCount(&count), "looking for CUDA devices");
  if (count == 0) check(cudaErrorNoDevice, "looking for CUDA devices");
  return count;
}

Context::Context(int device) : device_(device) {
  limits_.multiprocessors = device_attribute(cudaDevAttrMultiProcessorCount, device);
  limits_.cache_bytes = device_attribute(cudaDevAttrL2CacheSize, device);
  stream_ = make_stream();
  crossing_stream_ = make_stream();
  crossing_ = make_event();
  blocks_ = BlockCache::make(device);
  matmul_ = std::make_unique<Matmul>(device, queue());
}

Context::~Context() {
  settle();
  blocks_->close();
}

void Context::settle() noexcept {
  try {
    const DeviceGuard guard(device_);
    if (capturing()) {
      cudaGraph_t graph = nullptr;
      cudaStreamEndCapture(queue(), &graph);
      if (graph != nullptr) cudaGraphDestroy(graph);
      capture_ = nullptr;
    }
    cudaStreamSynchronize(queue());
  } catch (const Error&) {  // the driver has gone
  }
}

// Managed memory too.
bool Context::is_device_memory(const void* pointer) const {
  const DeviceGuard guard(device_);  // the question makes a context on the current device
  return is_device_pointer(pointer, device_);
}

std::shared_ptr<void> Context::allocate(std::size_t bytes) {
  std::shared_ptr<void> memory = allocate_unset(bytes);
  zero(memory.get(), bytes);
  return memory;
}

std::shared_ptr<void> Context::allocate_unset(std::size_t bytes) {
  if (capturing()) {
    throw DeviceError("[cuda] a step must run once before it is captured, so that its memory is there");
  }
  const DeviceGuard guard(device_);
  std::shared_ptr<void> memory = blocks_->take(bytes);
#ifdef INDRNN_CUDA_EMULATION
  // As fresh memory there, NaN: the emulator finds who reads what was never written.
  if (bytes > 0) check(cudaMemsetAsync(memory.get(), 0xff, bytes, queue()), "clearing device memory");
#endif
  return memory;
}

void Context::zero(void* to, std::size_t bytes) {
  if (bytes == 0) return;
  const DeviceGuard guard(device_);
  check(cudaMemsetAsync(to, 0, bytes, queue()), "clearing device memory");
}

void Context::copy(const void* from, void* to, std::size_t bytes) {
  if (bytes == 0) return;
  const DeviceGuard guard(device_);
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, queue()), "copying on the device");
}

void Context::upload(const void* from, void* to, std::size_t bytes) {
  if (bytes == 0) return;
  const DeviceGuard guard(device_);
  in_.begin(bytes, queue());
  const Source source = in_.stage(from, bytes);
  check(cudaMemcpyAsync(to, source.pointer, bytes, source.kind, queue()), "copying to the device");
  in_.end(queue());
}

void Context::download(const void* from, void* to, std::size_t bytes) {
  if (bytes == 0) return;
  const DeviceGuard guard(device_);
  out_.begin(bytes);
  out_.fetch(from, to, bytes, queue());
  out_.end(queue());
}

void Context::synchronize() {
  const DeviceGuard guard(device_);
  check(cudaStreamSynchronize(queue()), "waiting for the device");
}

void Context::wait_for(void* other_stream) {
  const DeviceGuard guard(device_);
  check(cudaEventRecord(crossing_.get(), static_cast<cudaStream_t>(other_stream)), "marking another stream");
  check(cudaStreamWaitEvent(queue(), crossing_.get(), 0), "waiting for another stream");
}

void Context::let_wait(void* other_stream) {
  const DeviceGuard guard(device_);
  check(cudaEventRecord(crossing_.get(), queue()), "marking the stream");
  check(cudaStreamWaitEvent(static_cast<cudaStream_t>(other_stream), crossing_.get(), 0),
        "letting another stream wait");
}

std::unique_ptr<QueueMark> Context::mark() {
  const DeviceGuard guard(device_);
  return std::make_unique<Mark>(queue());
}

std::shared_ptr<void> Context::make_current() const { return std::make_shared<DeviceGuard>(device_); }

std::byte* Context::scratch(std::size_t bytes) {
  if (scratch_ == nullptr || bytes > scratch_->bytes()) {
    // Work that uses the old scratch may be under way; cudaFree waits for it.
    scratch_ = std::make_shared<DeviceMemory>(allocate_device(std::max<std::size_t>(bytes, 256)));
  }
  if (capturing()) keep_alive(scratch_);
  return scratch_->as<std::byte>();
}

void Context::begin_capture() {
  const DeviceGuard guard(device_);
  if (capturing()) throw DeviceError("[cuda] begin_capture: work is being captured already; end that first");
  check(cudaStreamSynchronize(queue()), "waiting for the device");
  check(cudaStreamBeginCapture(queue(), cudaStreamCaptureModeThreadLocal), "starting to capture work");
  capture_ = std::make_shared<Capture>();
  keep_alive(blocks_->hold_taken());
}

std::shared_ptr<CapturedWork> Context::end_capture() {
  const DeviceGuard guard(device_);
  if (!capturing())
    throw DeviceError("[cuda] end_capture: no work is being captured; begin_capture comes first");
  const std::shared_ptr<Capture> capture = std::move(capture_);
  capture_ = nullptr;
  cudaGraph_t graph = nullptr;
  check(cudaStreamEndCapture(queue(), &graph), "ending the capture of work");
  const GraphHandle owned(graph);
  cudaGraphExec_t execution = nullptr;
  check(cudaGraphInstantiate(&execution, graph, 0), "making captured work ready");
  return std::make_shared<CapturedGraph>(device_, queue(), GraphExecution(execution),
                                         std::move(capture->before_launch), std::move(capture->memory));
}

void Context::before_each_launch(std::function<void()> action) {
  capture_->before_launch.push_back(std::move(action));
}

void Context::keep_alive(std::shared_ptr<void> memory) { capture_->memory.push_back(std::move(memory)); }

void* Context::pinned_for_capture(std::size_t bytes) {
  const WhileCapturing allowed;
  auto memory = std::make_shared<PinnedMemory>(allocate_pinned(bytes));
  keep_alive(memory);
  return memory->get();
}

}  // namespace indrnn::cuda
