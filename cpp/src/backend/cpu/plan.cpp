#include "backend/cpu/plan.hpp"

#include <algorithm>
#include <limits>

#include "indrnn/error.hpp"
#include "plan/intervals.hpp"
#include "plan/tuning.hpp"

namespace indrnn::cpu {
namespace {

constexpr std::size_t alignment = 64;

std::size_t round_up(std::size_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

// Product of sizes, or OutOfMemory where it is past any memory.
template <class... Sizes>
std::size_t bytes_of(Sizes... sizes) {
  std::size_t product = 1;
  for (std::size_t size : {static_cast<std::size_t>(sizes)...}) {
    if (size != 0 && product > std::numeric_limits<std::size_t>::max() / 8 / size) {
      throw OutOfMemory(
          "[network] the workspace for this time_steps, batch and width is larger than any memory");
    }
    product *= size;
  }
  return round_up(product);
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
    place_scratch(&Segment::forward, plan_.forward_values, plan_.gradients);
    if (plan_.program.mode.keep) place_scratch(&Segment::backward, plan_.backward_values, plan_.gradients);
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
  void place_scratch(std::vector<Instruction> Segment::* list, std::vector<Place>& values,
                     std::vector<Place>& gradients) {
    for (const Segment& segment : plan_.program.segments) {
      std::vector<Interval> intervals;
      std::vector<int> storage_of;
      int position = 0;
      for (const Instruction& instruction : segment.*list) {
        for (int index : touched(instruction)) {
          if (storage(index).full) continue;
          const auto known = std::find(storage_of.begin(), storage_of.end(), index);
          if (known != storage_of.end()) {
            intervals[static_cast<std::size_t>(known - storage_of.begin())].last = position;
            continue;
          }
          const std::int64_t rows = segment.sequence ? plan_.geometry.chunk_rows() : plan_.largest_lane;
          intervals.push_back({rows_bytes(storage(index), rows, 1), position, position});
          storage_of.push_back(index);
        }
        ++position;
      }
      plan_.arena_bytes = std::max(plan_.arena_bytes, place_intervals(intervals));
      for (std::size_t i = 0; i < intervals.size(); ++i) {
        offsets_[static_cast<std::size_t>(storage_of[i])] = intervals[i].offset;
      }
    }
    write_places(plan_.program.value_storage, values);
    write_places(plan_.program.gradient_storage, gradients);
  }

  void write_places(const std::vector<int>& storages, std::vector<Place>& places) const {
    places.clear();
    for (int index : storages) {
      places.push_back(index < 0 ? Place{}
                                 : Place{storage(index).full, offsets_[static_cast<std::size_t>(index)]});
    }
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
  std::vector<std::size_t> offsets_;  // by storage
};

std::int64_t largest_lane(const Geometry& geometry) {
  std::int64_t largest = 0;
  for (std::int64_t lane = 0; lane < geometry.lanes; ++lane) {
    largest = std::max(largest, geometry.first_sample(geometry.first_tile(lane + 1)) -
                                    geometry.first_sample(geometry.first_tile(lane)));
  }
  return largest;
}

void cut_windows(const Graph& graph, std::int64_t element_bytes, Plan& plan) {
  const Geometry& geometry = plan.geometry;
  plan.window_chunks = geometry.chunks;
  if (plan.program.mode.keep && plan.program.mode.recompute) {
    std::int64_t features = 0;
    for (const Value& value : graph.values) features += value.features;
    const std::int64_t chunk_bytes =
        std::max<std::int64_t>(1, geometry.batch * geometry.chunk_steps * features * element_bytes);
    plan.window_chunks = std::clamp<std::int64_t>(tuning::window_bytes / chunk_bytes, 1, geometry.chunks);
  }
  plan.windows = (geometry.chunks + plan.window_chunks - 1) / plan.window_chunks;
  plan.window_steps = plan.windows == 1 ? geometry.time_steps : plan.window_chunks * geometry.chunk_steps;
}

}  // namespace

Plan make_plan(
    const Graph& graph, Mode mode, std::int64_t time_steps, std::int64_t batch, std::size_t element_bytes,
    int workers,
    const std::function<std::size_t(int node, const Geometry&, std::int64_t window_steps)>& node_bytes) {
  Plan plan;
  plan.program = make_program(graph, mode);
  std::int64_t widest = 1;
  for (const Value& value : graph.values) {
    if (value.sequence) widest = std::max(widest, value.features);
  }
  const auto element = static_cast<std::int64_t>(element_bytes);
  plan.geometry = make_geometry(time_steps, batch, widest, element, graph.parameter_elements * element);
  plan.workers =
      static_cast<int>(std::clamp<std::int64_t>(workers, 1, std::max<std::int64_t>(1, plan.geometry.lanes)));
  plan.largest_lane = largest_lane(plan.geometry);
  cut_windows(graph, element, plan);
  PlanMaker maker(graph, element_bytes, plan);
  maker.place_values();
  maker.place_sums(node_bytes);
  return plan;
}

}  // namespace indrnn::cpu
