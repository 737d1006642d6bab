// The plan: where every value, gradient, state and sum of one (graph, T, B, mode) lies in one workspace on the device.
// Made once, then run any number of times without allocating.
//
// On the device a sequence lies as the caller's arrays do, time-major [T, B, F]: neighbouring threads are neighbouring
// (sample, neuron) columns and read neighbouring memory at each step. Nodes run over a whole window of time each, and
// all sequence nodes over one window before the next: with memory="recompute" as backward runs windows again, otherwise
// where a window stays in the device's cache (window_choice.hpp). Often one window is all of T.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "executor/window_choice.hpp"
#include "plan/graph.hpp"
#include "plan/program.hpp"

namespace indrnn::cuda {

enum class ScanPolicy { by_cost, never, always };

struct Sizes {
  std::int64_t time_steps = 0;    // T
  std::int64_t batch = 0;         // B
  std::int64_t window_steps = 0;  // of all windows but the last, which may be shorter
  std::int64_t windows = 1;
  int multiprocessors = 1;
  ScanPolicy scan = ScanPolicy::by_cost;  // of time-parallel kernels, see scan_choice.hpp
};

struct NodeBytes {
  std::size_t kept = 0;     // from forward to backward
  std::size_t scratch = 0;  // inside one pass over the node
  std::size_t common = 0;   // from forward to backward, one for all windows
};

struct Plan {
  Program program;
  Sizes sizes;
  // By value, in bytes from the workspace. What is not kept may lie in different places in the two passes.
  std::vector<std::size_t> forward_values, backward_values, gradients;
  std::vector<std::size_t> node_memory, node_common;  // by node
  // From a window's part to the next window's, in bytes; 0 for what all windows use in turn.
  std::vector<std::size_t> value_strides, node_strides;
  std::vector<std::int64_t> state_offsets;  // by state: first element in a flat state, as in indrnn::State
  std::int64_t state_elements = 0;          // of a flat state
  std::size_t states = 0;                   // [windows + 1, state_elements]: window w walks from w to w + 1
  std::size_t state_gradients = 0;          // [state_elements]; keep only
  std::size_t inputs = 0;                   // copy of x; only where windows run again
  std::size_t lengths = 0;                  // int64 [B]
  std::size_t resets = 0;                   // uint8 [T, B]
  std::size_t scratch = 0;
  std::size_t total_bytes = 0;
  std::vector<std::pair<std::size_t, std::size_t>> gaps;  // (offset, bytes) of what nobody may touch

  // Whether backward runs windows a second time. If not, it finds of each what forward left there.
  bool runs_windows_again() const { return sizes.windows > 1 && program.mode.keep && program.mode.recompute; }
};

// Of one number: of a value between nodes, and of the caller's arrays and the states (storage.hpp).
struct ElementBytes {
  std::size_t stored, computed;
};

using NodeBytesOf = std::function<NodeBytes(int node, const Sizes&, Mode)>;
// window_batch: see ForwardCall.
Plan make_plan(const Graph& graph, Mode mode, std::int64_t time_steps, std::int64_t batch,
               std::int64_t window_batch, ElementBytes element, const DeviceLimits& device,
               const NodeBytesOf& node_bytes);

// JSON, for `indrnn info` and for tests.
std::string describe(const Graph& graph, const Plan& plan);

}  // namespace indrnn::cuda
