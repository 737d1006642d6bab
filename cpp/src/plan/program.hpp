// The program: the order in which nodes run, which values share memory, and what is kept for backward.
// It depends on the graph and on the mode, not on T and B.
#pragma once

#include <vector>

#include "plan/graph.hpp"

namespace indrnn {

struct Mode {
  bool training = false;  // batch statistics and dropout
  bool keep = false;      // backward will follow
  bool recompute =
      false;  // keep the states at the borders of windows only, and run a window again in backward
  bool operator==(const Mode&) const = default;
};

enum class Direction { forward, again, backward };  // again: forward, run a second time inside backward

struct Instruction {
  int node = 0;
  Direction direction = Direction::forward;
};

// Consecutive instructions [first, end): what one thread does at a time where a wavefront runs over layers and time.
struct Stage {
  int first = 0;
  int end = 0;
};

// Nodes that run depth first: a chunk passes through all of them before the next chunk starts.
struct Segment {
  bool sequence = true;  // walks time; otherwise one row per sample
  std::vector<int> nodes{};
  std::vector<Instruction> forward{};
  std::vector<Instruction> backward{};
  std::vector<Stage> forward_stages{};
  std::vector<Stage> backward_stages{};
};

// Values (or gradients) that lie in the same memory.
struct Storage {
  std::int64_t features = 0;
  bool sequence = true;
  bool indices = false;
  bool full = false;  // all of [B, T, F]; otherwise a chunk, for each worker
  // Full storage lives from step `first` to step `last` of the schedule: forward segments 0..S-1, backward S..2S-1.
  int first = 0;
  int last = -1;
};

struct Program {
  Mode mode;
  std::vector<Segment> segments;
  std::vector<int> value_storage;     // value -> index into `storages`
  std::vector<int> gradient_storage;  // value -> index into `storages`; -1 without backward
  std::vector<Storage> storages;
};

INDRNN_API Program make_program(const Graph& graph, Mode mode);

}  // namespace indrnn
