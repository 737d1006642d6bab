#include "backend/cpu/plan.hpp"

#include <algorithm>

#include "plan/intervals.hpp"
#include "plan/tuning.hpp"
#include "plan/workspace_bytes.hpp"

namespace indrnn::cpu {
namespace {

constexpr std::size_t alignment = 64;

std::size_t round_up(std::size_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

template <class... Sizes>
std::size_t bytes_of(Sizes... sizes) {
  return round_up(workspace_bytes(sizes...));
}

class PlanMaker {
 public:
  PlanMaker(const Graph& graph, std::size_t element_bytes, Plan& plan)
      : graph_(graph),
        element_bytes_(element_bytes),
        plan_(plan),
        offsets_(plan.program.storages.size(), 0) {}

  void place_values() {
    place_full();
    place_chunks(&Segment::forward, &Segment::forward_stages, plan_.forward_values);
    if (plan_.program.mode.keep)
      place_chunks(&Segment::backward, &Segment::backward_stages, plan_.backward_values);
  }

  void place_sums(const std::function<std::size_t(int, const Geometry&, std::int64_t)>& node_bytes) {
    const Geometry& geometry = plan_.geometry;
    const bool keep = plan_.program.mode.keep;
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      plan_.node_memory.push_back(
          take(round_up(node_bytes(static_cast<int>(i), geometry, plan_.window_steps))));
    }
    for (const StateSlot& state : graph_.states) {
      plan_.carries.push_back(take(bytes_of(geometry.batch, state.features, element_bytes_)));
      if (!keep) continue;
      plan_.boundaries.push_back(
          take(bytes_of(plan_.window_chunks, geometry.batch, state.features, element_bytes_)));
      plan_.carry_gradients.push_back(take(bytes_of(geometry.batch, state.features, element_bytes_)));
    }
    if (keep && plan_.program.mode.recompute) {
      for (const StateSlot& state : graph_.states) {
        plan_.window_states.push_back(
            take(bytes_of(plan_.windows, geometry.batch, state.features, element_bytes_)));
      }
      const std::size_t element = graph_.takes_indices() ? sizeof(std::int64_t) : element_bytes_;
      plan_.inputs = take(bytes_of(geometry.time_steps, geometry.batch, graph_.input_size, element));
    }
    plan_.lengths = take(bytes_of(geometry.batch, sizeof(std::int64_t)));
    if (keep) {
      plan_.resets = take(bytes_of(geometry.time_steps, geometry.batch));
      plan_.lane_matrices = take(bytes_of(geometry.lanes, graph_.parameter_elements, element_bytes_));
      plan_.lane_vectors = take(bytes_of(geometry.lanes, graph_.vector_elements, sizeof(double)));
    }
    plan_.wavefront_progress = take(bytes_of(geometry.lanes, plan_.stages, sizeof(StageProgress)));
    plan_.valid_steps = take(bytes_of(plan_.workers, bytes_of(plan_.largest_lane, sizeof(std::int64_t))));
    plan_.arenas = take(bytes_of(plan_.workers, plan_.arena_bytes));
  }

 private:
  std::size_t take(std::size_t bytes) {
    const std::size_t offset = plan_.total_bytes;
    plan_.total_bytes += bytes;
    return offset;
  }

  const Storage& storage(int index) const { return plan_.program.storages[static_cast<std::size_t>(index)]; }

  std::size_t rows_bytes(const Storage& each, std::int64_t steps, std::int64_t samples) const {
    return bytes_of(steps, samples, each.features, each.indices ? sizeof(std::int64_t) : element_bytes_);
  }

  void place_full() {
    std::vector<Interval> intervals;
    std::vector<std::size_t> storage_of;
    for (std::size_t i = 0; i < offsets_.size(); ++i) {
      const Storage& each = storage(static_cast<int>(i));
      if (!each.full) continue;
      const std::int64_t steps = each.sequence ? plan_.window_steps : 1;
      intervals.push_back({rows_bytes(each, steps, plan_.geometry.batch), each.first, each.last});
      storage_of.push_back(i);
    }
    const std::size_t base = take(place_intervals(intervals));
    for (std::size_t i = 0; i < intervals.size(); ++i) offsets_[storage_of[i]] = base + intervals[i].offset;
  }

  // Nothing of chunk size outlives the list of instructions of its segment: each list has the arena for itself.
  void place_chunks(std::vector<Instruction> Segment::* list, std::vector<Stage> Segment::* stages,
                    std::vector<Place>& values) {
    places_.assign(offsets_.size(), {});
    for (std::size_t i = 0; i < offsets_.size(); ++i) places_[i].offset = offsets_[i];
    std::vector<int> interval_of(offsets_.size(), -1);  // by storage, in this segment
    for (const Segment& segment : plan_.program.segments) {
      std::vector<Interval> intervals;
      std::vector<int> storage_of, stage_of;
      std::vector<bool> passed_on;  // from one stage to another
      int stage = 0;
      for (int position = 0; position < static_cast<int>((segment.*list).size()); ++position) {
        if (position >= (segment.*stages)[static_cast<std::size_t>(stage)].end) ++stage;
        for (int index : touched((segment.*list)[static_cast<std::size_t>(position)])) {
          if (storage(index).full) continue;
          int& known = interval_of[static_cast<std::size_t>(index)];
          if (known < 0) {
            known = static_cast<int>(intervals.size());
            const std::int64_t rows = segment.sequence ? plan_.geometry.chunk_rows() : plan_.largest_lane;
            intervals.push_back({rows_bytes(storage(index), rows, 1), position, position});
            storage_of.push_back(index);
            stage_of.push_back(stage);
            passed_on.push_back(false);
          }
          const auto at = static_cast<std::size_t>(known);
          intervals[at].last = position;
          if (stage_of[at] != stage) passed_on[at] = true;
        }
      }
      place_intervals_of(intervals, storage_of, passed_on, segment.sequence && plan_.wavefront);
      for (int index : storage_of) interval_of[static_cast<std::size_t>(index)] = -1;
    }
    write_places(plan_.program.value_storage, values);
    write_places(plan_.program.gradient_storage, plan_.gradients);  // read in backward, which is placed last
  }

  void place_intervals_of(std::vector<Interval>& intervals, const std::vector<int>& storage_of,
                          const std::vector<bool>& passed_on, bool wavefront) {
    std::vector<Interval> scratch;
    std::vector<int> scratch_storage;
    for (std::size_t i = 0; i < intervals.size(); ++i) {
      if (wavefront && passed_on[i]) {
        const std::size_t offset =
            take(bytes_of(plan_.geometry.lanes, plan_.ring_chunks, intervals[i].bytes));
        places_[static_cast<std::size_t>(storage_of[i])] = {Place::Kind::ring, offset, intervals[i].bytes};
      } else {
        scratch.push_back(intervals[i]);
        scratch_storage.push_back(storage_of[i]);
      }
    }
    plan_.arena_bytes = std::max(plan_.arena_bytes, place_intervals(scratch));
    for (std::size_t i = 0; i < scratch.size(); ++i) {
      places_[static_cast<std::size_t>(scratch_storage[i])] = {Place::Kind::scratch, scratch[i].offset, 0};
    }
  }

  void write_places(const std::vector<int>& storages, std::vector<Place>& places) const {
    places.clear();
    for (int index : storages)
      places.push_back(index < 0 ? Place{} : places_[static_cast<std::size_t>(index)]);
  }

  std::vector<int> touched(const Instruction& instruction) const {
    const Node& node = graph_.nodes[static_cast<std::size_t>(instruction.node)];
    const bool backward = instruction.direction == Direction::backward;
    std::vector<int> result;
    auto touch = [&](const std::vector<int>& values, bool read) {
      for (int value : values) {
        if (!backward || read) result.push_back(plan_.program.value_storage[static_cast<std::size_t>(value)]);
        if (backward) result.push_back(plan_.program.gradient_storage[static_cast<std::size_t>(value)]);
      }
    };
    touch(node.inputs, node.backward_reads_input);
    touch(node.outputs, node.backward_reads_output);
    return result;
  }

  const Graph& graph_;
  std::size_t element_bytes_;
  Plan& plan_;
  std::vector<std::size_t> offsets_;  // by storage: of what is full
  std::vector<Place> places_;         // by storage, in the pass being placed
};

std::int64_t largest_lane(const Geometry& geometry) {
  std::int64_t largest = 0;
  for (std::int64_t lane = 0; lane < geometry.lanes; ++lane) {
    largest = std::max(largest, geometry.first_sample(geometry.first_tile(lane + 1)) -
                                    geometry.first_sample(geometry.first_tile(lane)));
  }
  return largest;
}

bool shares_parameters(const Graph& graph) {
  std::vector<int> users(graph.parameters.size(), 0);
  for (const Node& node : graph.nodes) {
    if (node.type == "BatchNorm.apply" || node.type == "BatchNormStep.apply")
      continue;  // with its statistics node
    for (int parameter : node.parameters) ++users[static_cast<std::size_t>(parameter)];
  }
  return std::any_of(users.begin(), users.end(), [](int count) { return count > 1; });
}

// With fewer lanes than threads, threads work on the layers of one lane at once. Where two layers share a weight, the
// order in which they add to its gradient would depend on chance: there the lanes run one by one.
void choose_wavefront(const Graph& graph, int workers, Plan& plan) {
  std::size_t stages = 1;
  for (const Segment& segment : plan.program.segments) {
    if (segment.sequence) stages = std::max(stages, segment.forward_stages.size());
  }
  const std::int64_t lanes = std::max<std::int64_t>(1, plan.geometry.lanes);
  plan.wavefront = workers > lanes && stages > 1 && plan.geometry.chunks > 1 && !shares_parameters(graph);
  const std::int64_t parallel = plan.wavefront ? lanes * static_cast<std::int64_t>(stages) : lanes;
  plan.workers = static_cast<int>(std::clamp<std::int64_t>(workers, 1, parallel));
  plan.stages = static_cast<std::int64_t>(stages);
  plan.ring_chunks = plan.stages + tuning::spare_ring_chunks;
}

void cut_windows(const Graph& graph, std::int64_t batch, std::int64_t element_bytes, Plan& plan) {
  const Geometry& geometry = plan.geometry;
  plan.window_chunks = geometry.chunks;
  if (plan.program.mode.keep && plan.program.mode.recompute) {
    std::int64_t features = 0;
    for (const Value& value : graph.values) features += value.features;
    const std::int64_t chunk_bytes =
        std::max<std::int64_t>(1, batch * geometry.chunk_steps * features * element_bytes);
    plan.window_chunks = std::clamp<std::int64_t>(tuning::window_bytes / chunk_bytes, 1, geometry.chunks);
  }
  plan.windows = (geometry.chunks + plan.window_chunks - 1) / plan.window_chunks;
  plan.window_steps = plan.windows == 1 ? geometry.time_steps : plan.window_chunks * geometry.chunk_steps;
}

}  // namespace

Plan make_plan(
    const Graph& graph, Mode mode, std::int64_t time_steps, std::int64_t batch, std::int64_t window_batch,
    std::size_t element_bytes, int workers,
    const std::function<std::size_t(int node, const Geometry&, std::int64_t window_steps)>& node_bytes) {
  Plan plan;
  plan.program = make_program(graph, mode);
  std::int64_t widest = 1;
  for (const Value& value : graph.values) {
    if (value.sequence) widest = std::max(widest, value.features);
  }
  const auto element = static_cast<std::int64_t>(element_bytes);
  plan.geometry = make_geometry(time_steps, batch, widest, element, graph.parameter_elements * element);
  plan.largest_lane = largest_lane(plan.geometry);
  choose_wavefront(graph, workers, plan);
  cut_windows(graph, window_batch, element, plan);
  PlanMaker maker(graph, element_bytes, plan);
  maker.place_values();
  maker.place_sums(node_bytes);
  return plan;
}

}  // namespace indrnn::cpu
