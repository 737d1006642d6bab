#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <utility>

#include "core/check.hpp"
#include "indrnn/error.hpp"
#include "indrnn/inference.hpp"
#include "inference/program.hpp"

namespace indrnn {

namespace inference {

// What a session owns.
struct Memory {
  std::shared_ptr<const Program> program;
  std::int64_t batch = 0;
  std::int64_t steps = 0;  // since the state was reset
  TaskRunner tasks;
  Tensor own;  // empty where the caller gave the memory
  void* workspace = nullptr;

  // [features] of one stream
  std::byte* row(const Place& place, std::int64_t stream) const {
    const std::int64_t element = place.offset * batch + stream * place.stride;
    return static_cast<std::byte*>(workspace) + static_cast<std::size_t>(element) * size_of(program->dtype);
  }

  void clear(std::int64_t stream) const {
    for (const StatePlace& state : program->states) {
      const Place& place = program->places[static_cast<std::size_t>(state.place)];
      std::memset(row(place, stream), 0, static_cast<std::size_t>(place.stride) * size_of(program->dtype));
    }
  }
};

namespace {

constexpr std::int64_t rows_per_task = 4;  // as many as the kernels take at once

void run_task(void* argument, int index) {
  const StepCall& call = *static_cast<const StepCall*>(argument);
  const std::int64_t first = index * rows_per_task;
  run_step(call, first, std::min(rows_per_task, call.batch - first));
}

void check_step(const char* operation, const Program& program, const ConstTensorView& x, const TensorView& y,
                const Shape& x_shape, const Shape& y_shape) {
  const bool indices = program.takes_indices;
  const bool several = y_shape.rank() == 3;
  check_view(operation, "x", x, indices ? DType::int64 : program.dtype, x_shape,
             indices ? (several ? "[T, B]" : "[B]") : (several ? "[T, B, I]" : "[B, I]"));
  check_view(operation, "y", y, program.dtype, y_shape, several ? "[T, B, O]" : "[B, O]");
  if (!indices) return;
  const auto* index = x.as<std::int64_t>();
  for (std::int64_t i = 0; i < x.shape.elements(); ++i) {
    if (index[i] >= 0 && index[i] < program.classes) continue;
    fail(operation, "x", "hold indices in [0, " + std::to_string(program.classes) + ")",
         std::to_string(index[i]));
  }
}

void step_all(Memory& memory, const void* x, void* y) {
  StepCall call{memory.program.get(), memory.workspace, x, y, memory.batch, memory.steps};
  const std::int64_t tasks = (memory.batch + rows_per_task - 1) / rows_per_task;
  if (memory.tasks.run != nullptr && tasks > 1) {
    memory.tasks.run(memory.tasks.context, static_cast<int>(tasks), run_task, &call);
  } else {
    run_step(call, 0, memory.batch);
  }
  ++memory.steps;
}

}  // namespace
}  // namespace inference

using inference::Memory;
using inference::Place;
using inference::StatePlace;

Model::Model(const Network& network)
    : program_(std::make_shared<const inference::Program>(inference::make_program(network))) {}
Model Model::load(const std::string& path) { return Model(Network::load(path)); }
Model Model::from_bytes(std::span<const std::byte> file) { return Model(Network::from_bytes(file)); }

DType Model::dtype() const { return program_->dtype; }
bool Model::takes_indices() const { return program_->takes_indices; }
std::int64_t Model::input_size() const { return program_->input_size; }
std::int64_t Model::output_size() const { return program_->output_size; }

std::size_t Model::session_bytes(std::int64_t batch) const {
  constexpr std::int64_t most_streams = std::numeric_limits<std::int32_t>::max();
  if (batch < 1 || batch > most_streams) {
    fail("session", "batch", "be at least 1 and below 2^31", std::to_string(batch));
  }
  std::int64_t bytes = 0;
  if (__builtin_mul_overflow(program_->row_elements * static_cast<std::int64_t>(size_of(dtype())), batch,
                             &bytes)) {
    fail("session", "batch", "need less memory than there can be", std::to_string(batch));
  }
  return static_cast<std::size_t>(bytes);
}

Session::Session(const Model& model, const SessionOptions& options) : memory_(std::make_unique<Memory>()) {
  const std::size_t bytes = model.session_bytes(options.batch);
  memory_->program = model.program_;
  memory_->batch = options.batch;
  memory_->tasks = options.tasks;
  if (options.memory.data() == nullptr) {
    memory_->own = Tensor({static_cast<std::int64_t>(bytes)}, DType::uint8);
    memory_->workspace = memory_->own.data<void>();
  } else {
    constexpr std::size_t alignment = 64;
    if (options.memory.size() < bytes) {
      fail("session", "memory", "have " + std::to_string(bytes) + " bytes",
           std::to_string(options.memory.size()));
    }
    if (reinterpret_cast<std::uintptr_t>(options.memory.data()) % alignment != 0) {
      fail("session", "memory", "start at a multiple of 64", "another address");
    }
    memory_->workspace = options.memory.data();
    std::memset(memory_->workspace, 0, bytes);
  }
}

Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

void Session::step(ConstTensorView x, TensorView y) {
  const inference::Program& program = *memory_->program;
  const std::int64_t batch = memory_->batch;
  inference::check_step("step", program, x, y,
                        program.takes_indices ? Shape{batch} : Shape{batch, program.input_size},
                        {batch, program.output_size});
  inference::step_all(*memory_, x.data, y.data);
}

void Session::run(ConstTensorView x, TensorView y) {
  const inference::Program& program = *memory_->program;
  const std::int64_t batch = memory_->batch, steps = x.shape.rank() > 0 ? x.shape[0] : 0;
  inference::check_step("run", program, x, y,
                        program.takes_indices ? Shape{steps, batch} : Shape{steps, batch, program.input_size},
                        {steps, batch, program.output_size});
  const std::size_t x_bytes =
      static_cast<std::size_t>(batch * (program.takes_indices ? 1 : program.input_size)) * size_of(x.dtype);
  const std::size_t y_bytes = static_cast<std::size_t>(batch * program.output_size) * size_of(y.dtype);
  for (std::int64_t t = 0; t < steps; ++t) {
    inference::step_all(*memory_, x.as<std::byte>() + static_cast<std::size_t>(t) * x_bytes,
                        y.as<std::byte>() + static_cast<std::size_t>(t) * y_bytes);
  }
}

void Session::reset() {
  for (std::int64_t stream = 0; stream < memory_->batch; ++stream) memory_->clear(stream);
  memory_->steps = 0;
}

void Session::reset(std::int64_t stream) {
  if (stream < 0 || stream >= memory_->batch) {
    fail("reset", "stream", "be in [0, " + std::to_string(memory_->batch) + ")", std::to_string(stream));
  }
  memory_->clear(stream);
}

std::int64_t Session::batch() const { return memory_->batch; }

State Session::state() const {
  const inference::Program& program = *memory_->program;
  State state;
  state.batch = memory_->batch;
  state.steps = memory_->steps;
  std::int64_t elements = 0;
  for (const StatePlace& each : program.states) {
    const Place& place = program.places[static_cast<std::size_t>(each.place)];
    state.entries.push_back({each.name, place.features, elements});
    elements += place.features * memory_->batch;
  }
  state.flat = Tensor({elements}, program.dtype);
  for (std::size_t i = 0; i < program.states.size(); ++i) {
    const Place& place = program.places[static_cast<std::size_t>(program.states[i].place)];
    const std::size_t bytes = static_cast<std::size_t>(place.features) * size_of(program.dtype);
    auto* to = state.flat.data<std::byte>() +
               static_cast<std::size_t>(state.entries[i].offset) * size_of(program.dtype);
    for (std::int64_t b = 0; b < memory_->batch; ++b, to += bytes)
      std::memcpy(to, memory_->row(place, b), bytes);
  }
  return state;
}

void Session::set_state(const State& state) {
  const State own = this->state();
  bool same = state.batch == own.batch && state.entries.size() == own.entries.size() &&
              state.flat.dtype() == own.flat.dtype() && state.flat.shape() == own.flat.shape();
  for (std::size_t i = 0; same && i < own.entries.size(); ++i) {
    same =
        state.entries[i].name == own.entries[i].name && state.entries[i].features == own.entries[i].features;
  }
  if (!same)
    fail("set_state", "state", "be one of this model and batch " + std::to_string(own.batch), "another");
  const inference::Program& program = *memory_->program;
  for (std::size_t i = 0; i < program.states.size(); ++i) {
    const Place& place = program.places[static_cast<std::size_t>(program.states[i].place)];
    const std::size_t bytes = static_cast<std::size_t>(place.features) * size_of(program.dtype);
    const auto* from = state.flat.data<std::byte>() +
                       static_cast<std::size_t>(own.entries[i].offset) * size_of(program.dtype);
    for (std::int64_t b = 0; b < memory_->batch; ++b, from += bytes)
      std::memcpy(memory_->row(place, b), from, bytes);
  }
  memory_->steps = state.steps;
}

}  // namespace indrnn
