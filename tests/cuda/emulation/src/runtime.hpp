// The state of the emulated runtime that its files share. Every function of the API holds runtime_mutex().
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "emulation/runtime_types.hpp"

namespace emulation {

std::recursive_mutex& runtime_mutex();

// errors.cpp: remembers the error of the calling thread, says why on stderr if there is a reason, and returns it.
cudaError_t failed(cudaError_t error, const std::string& why = "");

// device.cpp: cudaSuccess if there is a driver and a device.
cudaError_t check_driver();
// device_context.cpp: as most of CUDA's functions, makes the current device's context if there is none.
cudaError_t check_context();
int current_device();
void choose_device(int device);

// One thing a stream does.
struct Recorded {  // an event's recording
  bool done = false;
  CUstream_st* stream = nullptr;
  double milliseconds = 0;
};
struct Operation {
  enum class Kind : std::uint8_t { kernel, gemm, copy, fill, host, record, wait };
  Kind kind;
  std::function<void()> run;           // nothing for record and wait
  std::shared_ptr<Recorded> recorded;  // of record and wait
};

struct Capture {
  cudaStreamCaptureMode mode;
  std::thread::id thread;  // that began it
  CUstream_st* origin;
  std::vector<CUstream_st*> streams;  // the origin and those that joined by an event
  std::vector<Operation> operations;  // in the order they were queued, which respects all dependencies
  bool invalidated = false;
};

// stream.cpp. A nullptr is the legacy stream: it runs at once, after everything in blocking streams.
cudaError_t enqueue(cudaStream_t stream, Operation operation);
Capture* capture_of(cudaStream_t stream);           // nullptr where the stream does not capture
std::vector<std::shared_ptr<Capture>>& captures();  // all under way
// For calls that must not happen during a capture of this thread, or, if it is global, of any: invalidates it and says so.
cudaError_t check_not_capturing(const char* function);
cudaError_t check_stream(cudaStream_t stream);
void drain(CUstream_st& stream);
void drain_until(const Recorded& recorded);
void drain_device(int device);
void finish_everything();
void progress_at_random();

// memory.cpp
std::uint64_t live_bytes(int device);

}  // namespace emulation

struct CUstream_st {
  int device = 0;
  bool blocking = true;
  std::deque<emulation::Operation> queue;
  std::shared_ptr<emulation::Capture> capture;
};

struct CUevent_st {
  int device = 0;
  bool timed = true;
  std::shared_ptr<emulation::Recorded> recorded;  // the latest
  std::weak_ptr<emulation::Capture> captured_in;  // set when the latest was part of a capture
};

struct CUgraph_st {
  std::vector<emulation::Operation> operations;
};

struct CUgraphExec_st {
  std::vector<emulation::Operation> operations;
};
