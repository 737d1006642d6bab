// One device as a network sees it: memory, and one queue in which all work runs in the order it was given. What is
// beside the network (losses, optimizers) runs in the same queue. Nothing here waits unless it says so.
//
// "device memory" below is memory of this device. Numbers that change from step to step are copied to the device before
// the kernels that read them, so that captured work can be launched again with new ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "indrnn/export.hpp"
#include "indrnn/optim.hpp"
#include "indrnn/tensor.hpp"

namespace indrnn {

// loss = mean over counted rows of -log softmax(logits)[target]; all pointers to device memory.
struct CrossEntropyCall {
  DType dtype = DType::float32;
  std::int64_t rows = 0, classes = 0;
  const void* logits = nullptr;           // [rows, classes]
  const std::int64_t* targets = nullptr;  // [rows]; one outside [0, classes) makes the loss NaN
  const std::uint8_t* mask = nullptr;     // [rows] or nullptr; 0: does not count
  void* gradient = nullptr;  // [rows, classes], overwritten; nullptr: not wanted; may be `logits`
  double* loss = nullptr;    // [1], overwritten
  // [1], overwritten: how many counted rows have their highest logit at the target, the first one if several are as
  // high; nullptr: not wanted.
  double* correct = nullptr;
};

// loss = mean over counted elements of (prediction - target)^2; all pointers to device memory.
struct SquaredErrorCall {
  DType dtype = DType::float32;
  std::int64_t rows = 0, features = 0;
  const void* prediction = nullptr;    // [rows, features]
  const void* target = nullptr;        // [rows, features]
  const std::uint8_t* mask = nullptr;  // [rows] or nullptr
  void* gradient = nullptr;            // [rows, features], overwritten; nullptr: not wanted
  double* loss = nullptr;              // [1], overwritten
};

// The elements of `blocks` of flat buffers in device memory. What is pointed to on the host belongs to the optimizer and
// stays in place as long as captured work is launched: options are read, and the step is counted, at each launch.
struct AdamCall {
  DType dtype = DType::float32;
  const std::vector<optim::ParameterBlock>* blocks =
      nullptr;  // the same vector in every call of one optimizer
  void* weight = nullptr;
  const void* gradient = nullptr;
  void* first_moment = nullptr;
  void* second_moment = nullptr;
  const optim::AdamOptions* options = nullptr;
  std::int64_t* steps = nullptr;  // n; counted up before the step
};

struct SgdCall {
  DType dtype = DType::float32;
  const std::vector<optim::ParameterBlock>* blocks = nullptr;
  void* weight = nullptr;
  const void* gradient = nullptr;
  void* velocity = nullptr;
  const optim::SgdOptions* options = nullptr;
};

// Work that was given while capturing, ready to be given again.
class CapturedWork {
 public:
  virtual ~CapturedWork() = default;
  virtual void launch() = 0;
};

// A point in the queue.
class QueueMark {
 public:
  virtual ~QueueMark() = default;
  virtual bool reached() const = 0;  // whether all work before it is done
};

class DeviceContext {
 public:
  virtual ~DeviceContext() = default;

  virtual std::string device() const = 0;  // "cuda:0"
  virtual void* stream() const = 0;        // cudaStream_t
  virtual bool is_device_memory(const void* pointer) const = 0;

  // Zeroed device memory, and memory that holds whatever was there before. When its last owner lets go of it, it serves
  // the next request: work that was given to the queue before may still use it. Throws OutOfMemory.
  virtual std::shared_ptr<void> allocate(std::size_t bytes) = 0;
  virtual std::shared_ptr<void> allocate_unset(std::size_t bytes) = 0;
  // What allocated memory says that others than this queue will use: it is freed when the device is through with it.
  virtual void hand_out(const void* memory) = 0;
  virtual void zero(void* to, std::size_t bytes) = 0;
  virtual void copy(const void* from, void* to, std::size_t bytes) = 0;  // within device memory
  // From the host: `from` may be used again at once. To the host: waits until `to` is written.
  virtual void upload(const void* from, void* to, std::size_t bytes) = 0;
  virtual void download(const void* from, void* to, std::size_t bytes) = 0;
  virtual void synchronize() = 0;                 // waits for all work
  virtual void wait_for(void* other_stream) = 0;  // what is given here later runs behind what is there now
  virtual void let_wait(void* other_stream) = 0;  // what is given there later runs behind what is here now
  virtual std::unique_ptr<QueueMark> mark() = 0;  // behind what is here now

  // For other libraries. A queue beside the network's that is never captured: who is told of it makes it wait for their
  // work at any time, and wait_for() then makes the network's wait for it. And the device as the calling thread's
  // current one, until the result goes.
  virtual void* crossing_stream() const = 0;
  virtual std::shared_ptr<void> make_current() const = 0;

  virtual void softmax_cross_entropy(const CrossEntropyCall& call) = 0;
  virtual void mean_squared_error(const SquaredErrorCall& call) = 0;

  virtual void adam(const AdamCall& call) = 0;
  virtual void sgd(const SgdCall& call) = 0;
  virtual void clamp(DType dtype, void* values, std::int64_t count, double limit) = 0;
  // Scales values so that their norm is at most `limit`, unless the norm is not finite; norm: a double in device memory
  // that receives the norm before.
  virtual void clip_by_norm(DType dtype, void* values, std::int64_t count, double limit, double* norm) = 0;

  // Work given between the two is not run but kept. Calls that wait, or that read or write host memory, fail.
  virtual void begin_capture() = 0;
  virtual std::shared_ptr<CapturedWork> end_capture() = 0;
};

}  // namespace indrnn
