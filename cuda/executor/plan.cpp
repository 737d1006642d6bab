#include "executor/plan.hpp"

#include <algorithm>

#include "executor/scan_choice.hpp"
#include "plan/describe_segments.hpp"
#include "plan/intervals.hpp"
#include "plan/tuning.hpp"
#include "plan/workspace_bytes.hpp"

namespace indrnn::cuda {
namespace {

constexpr std::size_t alignment =
    256;  // as cudaMalloc's, so that vector loads and cuBLAS find every array aligned
#ifdef INDRNN_CUDA_EMULATION
constexpr std::size_t gap = 256;  // behind each array: the emulator finds who writes there
#else
constexpr std::size_t gap = 0;
#endif

std::size_t round_up(std::size_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

class PlanMaker {
 public:
  PlanMaker(const Graph& graph, ElementBytes element, Plan& plan)
      : graph_(graph), element_(element), plan_(plan) {}

  void place_values() {
    number_steps();
    const auto& storages = plan_.program.storages;
    lives_.resize(storages.size());
    int step = 0;
    for (const Segment& segment : plan_.program.segments) {
      for (const Instruction& each : segment.forward) touch(each, step++, &Lives::forward);
    }
    for (auto segment = plan_.program.segments.rbegin(); segment != plan_.program.segments.rend();
         ++segment) {
      for (const Instruction& each : segment->backward) touch(each, step++, &Lives::backward);
    }
    std::vector<Interval> intervals;
    for (std::size_t i = 0; i < storages.size(); ++i) add_intervals(storages[i], lives_[i], intervals);
    const std::size_t base = take(place_intervals(intervals) + gap, gap);
    const auto offset = [&](int interval) {
      return interval < 0 ? base : base + intervals[static_cast<std::size_t>(interval)].offset;
    };
    for (int storage : plan_.program.value_storage) {
      const Storage& of_value = storages[static_cast<std::size_t>(storage)];
      plan_.value_strides.push_back(keeps_all_windows(of_value) ? window_bytes(of_value) : 0);
      plan_.forward_values.push_back(offset(lives_[static_cast<std::size_t>(storage)].forward.interval));
      plan_.backward_values.push_back(offset(lives_[static_cast<std::size_t>(storage)].backward.interval));
    }
    for (int storage : plan_.program.gradient_storage) {
      plan_.gradients.push_back(
          storage < 0 ? base : offset(lives_[static_cast<std::size_t>(storage)].backward.interval));
    }
  }

  void place_rest(const NodeBytesOf& node_bytes) {
    const Sizes& sizes = plan_.sizes;
    std::size_t scratch = 0;
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      const NodeBytes bytes = node_bytes(static_cast<int>(i), sizes, plan_.program.mode);
      plan_.node_strides.push_back(keeps_all_windows() ? round_up(bytes.kept) : 0);
      const bool all = plan_.node_strides.back() > 0;
      plan_.node_memory.push_back(
          take_array(all ? workspace_bytes(sizes.windows, plan_.node_strides.back()) : bytes.kept));
      plan_.node_common.push_back(take_array(bytes.common));
      scratch = std::max(scratch, bytes.scratch);
    }
    for (const StateSlot& state : graph_.states) {
      plan_.state_offsets.push_back(plan_.state_elements);
      plan_.state_elements += static_cast<std::int64_t>(workspace_bytes(sizes.batch, state.features));
    }
    plan_.states = take_array(workspace_bytes(sizes.windows + 1, plan_.state_elements, element_.computed));
    if (plan_.program.mode.keep)
      plan_.state_gradients = take_array(workspace_bytes(plan_.state_elements, element_.computed));
    if (plan_.runs_windows_again()) {
      const std::size_t element = graph_.takes_indices() ? sizeof(std::int64_t) : element_.computed;
      plan_.inputs = take_array(workspace_bytes(sizes.time_steps, sizes.batch, graph_.input_size, element));
    }
    plan_.lengths = take_array(workspace_bytes(sizes.batch, sizeof(std::int64_t)));
    plan_.resets = take_array(workspace_bytes(sizes.time_steps, sizes.batch));
    plan_.scratch = take_array(scratch);
  }

 private:
  struct Life {
    int first = -1, last = -1;
    int interval = -1;
  };
  struct Lives {
    Life forward, backward;
  };

  std::size_t take(std::size_t bytes, std::size_t gap_bytes) {
    const std::size_t offset = plan_.total_bytes;
    plan_.total_bytes += bytes;
    if (gap_bytes > 0) plan_.gaps.emplace_back(plan_.total_bytes - gap_bytes, gap_bytes);
    return offset;
  }
  std::size_t take_array(std::size_t bytes) { return take(round_up(bytes) + gap, gap); }

  void number_steps() {
    for (const Segment& segment : plan_.program.segments) {
      steps_ += static_cast<int>(segment.forward.size() + segment.backward.size());
    }
  }

  void touch(const Instruction& instruction, int step, Life Lives::* pass) {
    const Node& node = graph_.nodes[static_cast<std::size_t>(instruction.node)];
    const bool backward = instruction.direction == Direction::backward;
    const auto use = [&](int storage) {
      Life& life = lives_[static_cast<std::size_t>(storage)].*pass;
      if (life.first < 0) life.first = step;
      life.last = step;
    };
    const auto touch_values = [&](const std::vector<int>& values, bool read) {
      for (int value : values) {
        const auto at = static_cast<std::size_t>(value);
        if (!backward || read) use(plan_.program.value_storage[at]);
        if (backward) use(plan_.program.gradient_storage[at]);
      }
    };
    touch_values(node.inputs, node.backward_reads_input);
    touch_values(node.outputs, node.backward_reads_output);
  }

  // For backward.
  bool keeps_all_windows() const {
    return plan_.sizes.windows > 1 && plan_.program.mode.keep && !plan_.runs_windows_again();
  }
  bool keeps_all_windows(const Storage& storage) const {
    return storage.sequence && storage.full && keeps_all_windows();
  }

  std::size_t window_bytes(const Storage& storage) const {
    const std::int64_t steps = storage.sequence ? plan_.sizes.window_steps : 1;
    return round_up(workspace_bytes(steps, plan_.sizes.batch, storage.features,
                                    storage.indices ? sizeof(std::int64_t) : element_.stored));
  }

  // What is full lives on from one pass to the next; the rest lives in each pass for itself. Where all nodes run once for
  // each window, what belongs to whole sequences has its place to itself.
  void add_intervals(const Storage& storage, Lives& lives, std::vector<Interval>& intervals) {
    const std::size_t parts = keeps_all_windows(storage) ? static_cast<std::size_t>(plan_.sizes.windows) : 1;
    const std::size_t bytes = workspace_bytes(parts, window_bytes(storage));
    const auto add = [&](int first, int last) {
      intervals.push_back({bytes, first, last});
      return static_cast<int>(intervals.size()) - 1;
    };
    const bool in_forward = lives.forward.first >= 0, in_backward = lives.backward.first >= 0;
    const bool throughout = plan_.sizes.windows > 1 && (!storage.sequence || keeps_all_windows(storage));
    if (throughout || (storage.full && in_forward && in_backward)) {
      const int interval = throughout ? add(0, steps_) : add(lives.forward.first, lives.backward.last);
      lives.forward.interval = lives.backward.interval = interval;
      return;
    }
    if (in_forward) lives.forward.interval = add(lives.forward.first, lives.forward.last);
    if (in_backward) lives.backward.interval = add(lives.backward.first, lives.backward.last);
  }

  const Graph& graph_;
  ElementBytes element_;
  Plan& plan_;
  int steps_ = 0;
  std::vector<Lives> lives_;  // by storage
};

// Steps of a window that is run again in backward: what it keeps is bounded, whatever the environment asks for.
std::int64_t recomputed_window_steps(const Graph& graph, const Walk& walk) {
  std::int64_t features = 0;
  for (const Value& value : graph.values) features += value.features;
  const std::int64_t step_bytes = std::max<std::int64_t>(1, walk.batch * features * walk.element_bytes);
  const std::int64_t longest = std::max<std::int64_t>(1, tuning::window_bytes / step_bytes);
  return equal_window_steps(walk.time_steps, std::min(longest, given_window_steps().value_or(longest)));
}

// One walk through time and no more: several wait for each other, each for all of T.
bool walks_once(const Program& program) {
  const auto walks = [](const Segment& segment) { return segment.sequence; };
  return std::count_if(program.segments.begin(), program.segments.end(), walks) == 1;
}

void cut_windows(const Graph& graph, const Program& program, std::int64_t window_batch,
                 std::int64_t element_bytes, const DeviceLimits& device, Sizes& sizes) {
  sizes.window_steps = sizes.time_steps;
  if (sizes.time_steps == 0) return;
  Walk walk{.time_steps = sizes.time_steps, .batch = sizes.batch, .element_bytes = element_bytes};
  if (program.mode.keep && program.mode.recompute) {
    walk.batch = window_batch;
    sizes.window_steps = recomputed_window_steps(graph, walk);
  } else if (walks_once(program)) {
    for (const Value& value : graph.values) {
      if (value.sequence) walk.features = std::max(walk.features, value.features);
    }
    sizes.window_steps = window_steps_of_environment(walk, device);
  }
  sizes.windows = (sizes.time_steps + sizes.window_steps - 1) / sizes.window_steps;
}

}  // namespace

Plan make_plan(const Graph& graph, Mode mode, std::int64_t time_steps, std::int64_t batch,
               std::int64_t window_batch, ElementBytes element, const DeviceLimits& device,
               const NodeBytesOf& node_bytes) {
  Plan plan;
  plan.program = make_program(graph, mode);
  plan.sizes = {.time_steps = time_steps,
                .batch = batch,
                .multiprocessors = device.multiprocessors,
                .scan = scan_policy_of_environment()};
  cut_windows(graph, plan.program, window_batch, static_cast<std::int64_t>(element.stored), device,
              plan.sizes);
  PlanMaker maker(graph, element, plan);
  maker.place_values();
  maker.place_rest(node_bytes);
  return plan;
}

std::string describe(const Graph& graph, const Plan& plan) {
  nlohmann::ordered_json json;
  json["time_steps"] = plan.sizes.time_steps;
  json["batch"] = plan.sizes.batch;
  json["window_steps"] = plan.sizes.window_steps;
  json["windows"] = plan.sizes.windows;
  json["workspace_bytes"] = plan.total_bytes;
  json["segments"] = describe_segments(graph, plan.program);
  return json.dump();
}

}  // namespace indrnn::cuda
