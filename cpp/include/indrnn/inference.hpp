// Networks at work on streams: one Model holds the weights, each stream has a Session with its own state.
//
//   const auto model = indrnn::Model::load("model.safetensors");
//   indrnn::Session session(model);
//   for (;;) session.step(x, y);     // allocates nothing, takes no lock, makes no system call
//
// Results are those of Network::step to within rounding: batch norms are folded into the weights.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "indrnn/export.hpp"
#include "indrnn/network.hpp"
#include "indrnn/tensor.hpp"

namespace indrnn {

namespace inference {
struct Program;
struct Memory;
}  // namespace inference

// The weights of a network, packed for streams. A value that never changes; copies share the weights.
// Thread safety: every function may be called by any number of threads at once.
class INDRNN_API Model {
 public:
  // Copies what it needs: later changes of the network do not show. Throws InvalidArgument for a network that reads
  // sequences from their end (Bidirectional), or is not on the CPU.
  explicit Model(const Network& network);
  static Model load(const std::string& path);  // throws like Network::load
  static Model from_bytes(std::span<const std::byte> file);

  DType dtype() const;
  bool takes_indices() const;        // x of a step is int64 [B], not [B, I]
  std::int64_t input_size() const;   // I
  std::int64_t output_size() const;  // O
  // Bytes of memory that a Session of this batch needs.
  std::size_t session_bytes(std::int64_t batch) const;

 private:
  friend class Session;
  std::shared_ptr<const inference::Program> program_;
};

// Runs task(argument, i) for every i in [0, tasks), in any order, on any threads; returns when all have ended.
struct TaskRunner {
  void (*run)(void* context, int tasks, void (*task)(void* argument, int index), void* argument) = nullptr;
  void* context = nullptr;
};

struct SessionOptions {
  std::int64_t batch = 1;         // B: streams that step together
  std::span<std::byte> memory{};  // session_bytes(batch), at a multiple of 64; it must outlive the session.
                                  // Empty: the session allocates
  TaskRunner tasks{};  // spreads the streams of a step over threads; none: the calling thread does all
};

// The state of B streams, and the memory to run them in.
// Thread safety: one thread at a time may use a session; different sessions run in parallel, of one model too.
class INDRNN_API Session {
 public:
  // Throws InvalidArgument naming what cannot be used, OutOfMemory.
  explicit Session(const Model& model, const SessionOptions& options = {});
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  ~Session();

  // One time step: x [B, I] or int64 [B]; overwrites y [B, O]. x and y must not overlap. Allocates nothing, takes no
  // lock and makes no system call. Throws InvalidArgument or TypeMismatch before anything has changed.
  void step(ConstTensorView x, TensorView y);
  // T steps: x [T, B, I] or int64 [T, B]; y [T, B, O], the output of every step. As if by `step`.
  void run(ConstTensorView x, TensorView y);

  void reset();                     // all streams to the zero state
  void reset(std::int64_t stream);  // one of them; the others go on

  std::int64_t batch() const;
  // In the form of Network::initial_state: to store, and to go on with a Network. These two allocate.
  State state() const;
  void set_state(const State& state);

 private:
  std::unique_ptr<inference::Memory> memory_;
};

}  // namespace indrnn
