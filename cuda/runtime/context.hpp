// The device of one network: its stream, cuBLAS, staging memory, and the losses and optimizers that run in the stream.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "backend/device_context.hpp"
#include "executor/window_choice.hpp"
#include "runtime/block_cache.hpp"
#include "runtime/handles.hpp"
#include "runtime/matmul.hpp"
#include "runtime/staging.hpp"

namespace indrnn::cuda {

struct OptimizerSlot;

class Context : public DeviceContext {
 public:
  explicit Context(int device);
  ~Context() override;

  std::string device() const override { return "cuda:" + std::to_string(device_); }
  void* stream() const override { return stream_.get(); }
  bool is_device_memory(const void* pointer) const override;
  std::shared_ptr<void> allocate(std::size_t bytes) override;
  std::shared_ptr<void> allocate_unset(std::size_t bytes) override;
  void hand_out(const void* memory) override { blocks_->hand_out(memory); }
  void zero(void* to, std::size_t bytes) override;
  void copy(const void* from, void* to, std::size_t bytes) override;
  void upload(const void* from, void* to, std::size_t bytes) override;
  void download(const void* from, void* to, std::size_t bytes) override;
  void synchronize() override;
  void wait_for(void* other_stream) override;
  void let_wait(void* other_stream) override;
  std::unique_ptr<QueueMark> mark() override;
  void* crossing_stream() const override { return crossing_stream_.get(); }
  std::shared_ptr<void> make_current() const override;
  void softmax_cross_entropy(const CrossEntropyCall& call) override;
  void mean_squared_error(const SquaredErrorCall& call) override;
  void adam(const AdamCall& call) override;
  void sgd(const SgdCall& call) override;
  void clamp(DType dtype, void* values, std::int64_t count, double limit) override;
  void clip_by_norm(DType dtype, void* values, std::int64_t count, double limit, double* norm) override;
  void begin_capture() override;
  std::shared_ptr<CapturedWork> end_capture() override;

  int device_index() const { return device_; }
  int multiprocessors() const { return limits_.multiprocessors; }
  const DeviceLimits& limits() const { return limits_; }
  cudaStream_t queue() const { return stream_.get(); }
  const Matmul& matmul() const { return *matmul_; }
  StagingIn& in() { return in_; }
  StagingOut& out() { return out_; }

  // Waits for all work, and drops what was being captured: before memory is freed that work may use.
  void settle() noexcept;

  // Bytes for one kernel sequence, not kept behind it. At least as large as any before.
  std::byte* scratch(std::size_t bytes);

  // While capturing: what must be done on the host before each launch of the captured work, and memory it needs. The
  // pinned memory is new, and the captured work's own.
  bool capturing() const { return capture_ != nullptr; }
  void before_each_launch(std::function<void()> action);
  void keep_alive(std::shared_ptr<void> memory);
  void* pinned_for_capture(std::size_t bytes);

 private:
  struct Capture;
  OptimizerSlot& optimizer_slot(const std::vector<optim::ParameterBlock>& blocks);

  int device_;
  DeviceLimits limits_;
  Stream stream_;
  Stream crossing_stream_;
  Event crossing_;
  std::shared_ptr<BlockCache> blocks_;
  std::unique_ptr<Matmul> matmul_;
  StagingIn in_;
  StagingOut out_;
  std::shared_ptr<DeviceMemory> scratch_;
  std::shared_ptr<Capture> capture_;
  std::map<const void*, std::shared_ptr<OptimizerSlot>> optimizers_;  // optim/numbers.hpp
};

// How many devices there are; throws DeviceError, in one sentence, where there is none or no driver.
int device_count();

}  // namespace indrnn::cuda
