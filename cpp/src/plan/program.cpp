#include "plan/program.hpp"

#include <algorithm>

#include "plan/classes.hpp"
#include "plan/tuning.hpp"

namespace indrnn {
namespace {

bool has_barrier(const Node& node, Mode mode) {
  return node.barrier == Barrier::always || (node.barrier == Barrier::in_training && mode.training);
}

bool walks_time(const Graph& graph, const Node& node) {
  const int value = node.inputs.empty() ? node.outputs[0] : node.inputs[0];
  return graph.values[static_cast<std::size_t>(value)].sequence;
}

class ProgramMaker {
 public:
  ProgramMaker(const Graph& graph, Mode mode)
      : graph_(graph), values_(graph.values.size()), gradients_(graph.values.size()) {
    program_.mode = mode;
  }

  Program make() {
    cut_segments();
    join_values();
    find_writers();
    choose_kept();
    if (keep()) join_gradients();
    write_instructions();
    assign_storages();
    return std::move(program_);
  }

 private:
  bool keep() const { return program_.mode.keep; }
  const Node& node(int index) const { return graph_.nodes[static_cast<std::size_t>(index)]; }
  const Value& value(int index) const { return graph_.values[static_cast<std::size_t>(index)]; }
  int value_count() const { return static_cast<int>(graph_.values.size()); }
  int node_count() const { return static_cast<int>(graph_.nodes.size()); }
  std::size_t class_of(int value_index) { return static_cast<std::size_t>(values_.find(value_index)); }
  int segment_of(int node_index) const { return segment_of_[static_cast<std::size_t>(node_index)]; }

  void cut_segments() {
    for (int i = 0; i < node_count(); ++i) {
      const bool sequence = walks_time(graph_, node(i));
      const bool cut =
          i == 0 || has_barrier(node(i - 1), program_.mode) || sequence != program_.segments.back().sequence;
      if (cut) program_.segments.push_back({.sequence = sequence});
      program_.segments.back().nodes.push_back(i);
      segment_of_.push_back(static_cast<int>(program_.segments.size()) - 1);
    }
  }

  // Whether backward reads the value; of a class: whether it reads a member, with all that were joined so far.
  void find_read_by_backward() {
    for (const Value& each : graph_.values) {
      read_by_backward_.push_back(
          keep() && (node(each.producer).backward_reads_output || node(each.consumer).backward_reads_input));
    }
  }

  void join(int a, int b) {
    const bool read = read_by_backward_[class_of(a)] || read_by_backward_[class_of(b)];
    values_.join(a, b);
    read_by_backward_[class_of(a)] = read;
  }

  void join_values() {
    find_read_by_backward();
    std::vector<bool> shared(graph_.values.size(), false);  // two readers: nobody may write over it
    for (const Node& each : graph_.nodes) {
      if (each.inputs.empty() || each.outputs.empty()) continue;
      const int input = each.inputs[0];
      const bool was_shared = shared[class_of(input)];
      if (each.transparent_forward) {
        for (int output : each.outputs) join(input, output);
        shared[class_of(input)] = was_shared || each.outputs.size() > 1;
      } else if (each.forward_in_place && !was_shared && !read_by_backward_[class_of(input)]) {
        join(input, each.outputs[0]);
      }
    }
  }

  // Nodes that write into each class, in order.
  void find_writers() {
    writers_.resize(graph_.values.size());
    for (int i = 0; i < node_count(); ++i) {
      if (node(i).transparent_forward) continue;
      for (int output : node(i).outputs) {
        std::vector<int>& writers = writers_[class_of(output)];
        if (writers.empty() || writers.back() != i) writers.push_back(i);
      }
    }
  }

  // Which classes have members at more than one segment.
  std::vector<bool> find_crossing(Classes& classes) const {
    std::vector<bool> crossing(graph_.values.size(), false);
    std::vector<int> first(graph_.values.size(), -1);
    for (int v = 0; v < value_count(); ++v) {
      const auto key = static_cast<std::size_t>(classes.find(v));
      for (int end : {value(v).producer, value(v).consumer}) {
        if (first[key] < 0) first[key] = segment_of(end);
        if (segment_of(end) != first[key]) crossing[key] = true;
      }
    }
    return crossing;
  }

  // How many nodes must run to make the class again from classes that are kept in full; more than may, if it cannot be.
  int count_runs(std::size_t value_class) {
    constexpr int too_many = tuning::most_nodes_run_again + 1;
    int runs = 0;
    for (int writer : writers_[value_class]) {
      if (!node(writer).cheap) return too_many;
      ++runs;
      for (int input : node(writer).inputs) {
        const std::size_t source = class_of(input);
        if (source != value_class && !full_[source]) runs += runs_[source];
      }
      if (runs >= too_many) return too_many;
    }
    return runs;
  }

  // A class is kept in full for backward unless it can be made again from kept classes by a few cheap nodes.
  void choose_kept() {
    const std::vector<bool> crossing = find_crossing(values_);
    full_.assign(graph_.values.size(), false);
    runs_.assign(graph_.values.size(), tuning::most_nodes_run_again + 1);
    for (std::size_t v = 0; v < graph_.values.size(); ++v) {  // in the order in which their producers run
      if (class_of(static_cast<int>(v)) != v) continue;
      runs_[v] = count_runs(v);
      full_[v] = crossing[v] || (read_by_backward_[v] && runs_[v] > tuning::most_nodes_run_again);
    }
  }

  void join_gradients() {
    for (const Node& each : graph_.nodes) {
      if (each.inputs.empty() || each.outputs.empty()) continue;
      if (each.transparent_backward || each.backward_in_place)
        gradients_.join(each.inputs[0], each.outputs[0]);
    }
  }

  void remake(std::size_t value_class, std::vector<Instruction>& instructions) {
    for (int writer : writers_[value_class]) {
      for (int input : node(writer).inputs) {
        const std::size_t source = class_of(input);
        if (source != value_class && !full_[source]) remake(source, instructions);
      }
      instructions.push_back({writer, Direction::again});
    }
  }

  void write_instructions() {
    for (Segment& segment : program_.segments) {
      for (int index : segment.nodes) segment.forward.push_back({index, Direction::forward});
      if (!keep()) continue;
      for (auto position = segment.nodes.rbegin(); position != segment.nodes.rend(); ++position) {
        if (node(*position).backward_reads_input) {
          for (int input : node(*position).inputs) {
            const std::size_t source = class_of(input);
            if (!full_[source]) remake(source, segment.backward);
          }
        }
        segment.backward.push_back({*position, Direction::backward});
      }
    }
    std::vector<int> stage_of(graph_.nodes.size(), 0);
    for (Segment& segment : program_.segments) {
      number_stages(segment, stage_of);
      segment.forward_stages = cut_stages(segment.forward, stage_of);
      segment.backward_stages = cut_stages(segment.backward, stage_of);
    }
  }

  // A stage is a recurrent layer with what leads to it: cut where a Linear follows on a recurrence.
  void number_stages(const Segment& segment, std::vector<int>& stage_of) const {
    int stage = 0;
    bool recurrence = false;
    for (int index : segment.nodes) {
      if (node(index).type == "Linear" && recurrence) {
        ++stage;
        recurrence = false;
      }
      recurrence = recurrence || node(index).state >= 0;
      stage_of[static_cast<std::size_t>(index)] = stage;
    }
  }

  // What is run again belongs to the node it is run for, the next one in the list.
  static std::vector<Stage> cut_stages(const std::vector<Instruction>& instructions,
                                       const std::vector<int>& stage_of) {
    std::vector<Stage> stages;
    int end = static_cast<int>(instructions.size());
    int current = -1;
    for (int i = end - 1; i >= 0; --i) {
      const Instruction& instruction = instructions[static_cast<std::size_t>(i)];
      if (instruction.direction == Direction::again) continue;
      const int stage = stage_of[static_cast<std::size_t>(instruction.node)];
      if (current >= 0 && stage != current) {
        stages.push_back({i + 1, end});
        end = i + 1;
      }
      current = stage;
    }
    stages.push_back({0, end});
    std::reverse(stages.begin(), stages.end());
    return stages;
  }

  int backward_step(int segment) const {
    return 2 * static_cast<int>(program_.segments.size()) - 1 - segment;
  }

  void extend(Storage& storage, int step) {
    if (storage.last < 0) storage.first = step;
    storage.first = std::min(storage.first, step);
    storage.last = std::max(storage.last, step);
  }

  void assign_storages() {
    std::vector<int> of_class(graph_.values.size(), -1);
    program_.value_storage.assign(graph_.values.size(), -1);
    for (int v = 0; v < value_count(); ++v) {
      const std::size_t key = class_of(v);
      if (of_class[key] < 0) {
        of_class[key] = static_cast<int>(program_.storages.size());
        program_.storages.push_back({value(v).features, value(v).sequence, value(v).indices, full_[key]});
      }
      program_.value_storage[static_cast<std::size_t>(v)] = of_class[key];
      Storage& storage = program_.storages[static_cast<std::size_t>(of_class[key])];
      extend(storage, segment_of(value(v).producer));
      extend(storage, segment_of(value(v).consumer));
      if (keep() && node(value(v).producer).backward_reads_output)
        extend(storage, backward_step(segment_of(value(v).producer)));
      if (keep() && (node(value(v).consumer).backward_reads_input))
        extend(storage, backward_step(segment_of(value(v).consumer)));
    }
    program_.gradient_storage.assign(graph_.values.size(), -1);
    if (!keep()) return;
    extend_sources_of_remade();
    std::fill(of_class.begin(), of_class.end(), -1);
    const std::vector<bool> crossing = find_crossing(gradients_);
    for (int v = 0; v < value_count(); ++v) {
      const auto key = static_cast<std::size_t>(gradients_.find(v));
      if (of_class[key] < 0) {
        of_class[key] = static_cast<int>(program_.storages.size());
        program_.storages.push_back({value(v).features, value(v).sequence, false, crossing[key]});
      }
      program_.gradient_storage[static_cast<std::size_t>(v)] = of_class[key];
      Storage& storage = program_.storages[static_cast<std::size_t>(of_class[key])];
      extend(storage, backward_step(segment_of(value(v).producer)));
      extend(storage, backward_step(segment_of(value(v).consumer)));
    }
  }

  // What a node reads when it is run again must live until then.
  void extend_sources_of_remade() {
    for (std::size_t s = 0; s < program_.segments.size(); ++s) {
      for (const Instruction& instruction : program_.segments[s].backward) {
        if (instruction.direction != Direction::again) continue;
        for (int input : node(instruction.node).inputs) {
          const int storage = program_.value_storage[static_cast<std::size_t>(input)];
          extend(program_.storages[static_cast<std::size_t>(storage)], backward_step(static_cast<int>(s)));
        }
      }
    }
  }

  const Graph& graph_;
  Program program_;
  Classes values_, gradients_;
  std::vector<int> segment_of_;
  std::vector<bool> read_by_backward_, full_;  // by class
  std::vector<std::vector<int>> writers_;      // by class
  std::vector<int> runs_;                      // by class
};

}  // namespace

Program make_program(const Graph& graph, Mode mode) { return ProgramMaker(graph, mode).make(); }

}  // namespace indrnn
