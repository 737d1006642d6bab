// What a Model holds: the operations of one time step, in order, each on rows of one workspace.
//
// Every place of the workspace is [B, stride], where the stride is the features rounded up to whole vectors: kernels
// write whole vectors and need no rest. States are places too; a recurrence works in its own.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "backend/cpu/kernels/kernels.hpp"
#include "backend/cpu/kernels/stream.hpp"
#include "indrnn/network.hpp"
#include "indrnn/tensor.hpp"
#include "plan/graph.hpp"

namespace indrnn::inference {

constexpr int caller_input = -1;  // instead of a place: the caller's x

struct Place {
  std::int64_t features, stride;
  std::int64_t offset;  // of the place in a workspace of one row; B times that in one of B rows
};

// output = act(W input + addend + bias + u * output)
struct Dense {
  int input = 0, output = 0;
  int addend = -1;  // place; a recurrence without a Linear before has no W and only this
  std::int64_t inputs = 0;
  Tensor weights{}, bias{}, u{};  // packed; [stride]; [stride] or empty
  cpu::Activation activation = cpu::Activation::identity;
  double zoneout = 0.0;
};

// output = scale * input + offset; mode "step" has a row of both for every step, and stays at the last
struct ScaleOffset {
  int input = 0, output = 0;
  std::int64_t last_row = 0;
  Tensor scale, offset;  // [last_row + 1, features]
};

struct Normalize {  // LayerNorm
  int input = 0, output = 0;
  double epsilon = 0.0;
  Tensor weight, bias;
};

struct Difference {  // TimeDifference; previous [F + 1]: x_{t-1}, and 1 once there is one
  int input = 0, output = 0, previous = 0;
};

struct Sum {
  int first = 0, second = 0, output = 0;
};

struct Joined {
  int first = 0, second = 0, output = 0;
};

struct Lookup {  // Embedding
  int output = 0;
  Tensor table;  // [num, size]
};

using Operation = std::variant<Dense, ScaleOffset, Normalize, Difference, Sum, Joined, Lookup>;

struct StatePlace {
  std::string name;  // of the State's entry
  int place = 0;
};

struct Program {
  DType dtype = DType::float32;
  bool takes_indices = false;
  std::int64_t input_size = 0, output_size = 0;
  std::int64_t classes = 0;  // of the Embedding
  std::vector<Operation> operations;
  std::vector<Place> places;
  std::vector<StatePlace> states;
  int output = 0;
  std::int64_t row_elements = 0;  // of a workspace of one row
};

[[noreturn]] void throw_no_streaming_form(const Node& node);

// Throws InvalidArgument for a layer that has no streaming form, as one that reads sequences from their end.
Program make_program(const Network& network);

// Runs one step of the rows [first, first + count); x and y are those of all rows.
struct StepCall {
  const Program* program;
  void* workspace;  // [row_elements * batch]
  const void* x;    // [B, I] or int64 [B]
  void* y;          // [B, O]
  std::int64_t batch;
  std::int64_t steps;  // since the state was reset
};
void run_step(const StepCall& call, std::int64_t first, std::int64_t count);

}  // namespace indrnn::inference
