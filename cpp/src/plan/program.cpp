#include "plan/program.hpp"

#include <algorithm>
#include <numeric>

namespace indrnn {
namespace {

bool has_barrier(const Node& node, Mode mode) {
  return node.barrier == Barrier::always || (node.barrier == Barrier::in_training && mode.training);
}

bool walks_time(const Graph& graph, const Node& node) {
  const int value = node.inputs.empty() ? node.outputs[0] : node.inputs[0];
  return graph.values[static_cast<std::size_t>(value)].sequence;
}

// Classes of values that lie in the same memory (union-find).
class Classes {
 public:
  explicit Classes(std::size_t count) : parent_(count) { std::iota(parent_.begin(), parent_.end(), 0); }
  int find(int value) {
    while (parent_[at(value)] != value) value = parent_[at(value)] = parent_[at(parent_[at(value)])];
    return value;
  }
  void join(int a, int b) { parent_[at(find(b))] = find(a); }

 private:
  static std::size_t at(int value) { return static_cast<std::size_t>(value); }
  std::vector<int> parent_;
};

class ProgramMaker {
 public:
  ProgramMaker(const Graph& graph, Mode mode)
      : graph_(graph), values_(graph.values.size()), gradients_(graph.values.size()) {
    program_.mode = mode;
  }

  Program make() {
    cut_segments();
    join_values();
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

  // Does backward read this class of values as it stands now?
  bool read_by_backward(int value_index) {
    if (!keep()) return false;
    const int wanted = values_.find(value_index);
    for (int v = 0; v < value_count(); ++v) {
      if (values_.find(v) != wanted) continue;
      if (node(value(v).producer).backward_reads_output) return true;
      if (node(value(v).consumer).backward_reads_input) return true;
    }
    return false;
  }

  void join_values() {
    std::vector<bool> shared(graph_.values.size(), false);  // two readers: nobody may write over it
    for (const Node& each : graph_.nodes) {
      if (each.inputs.empty() || each.outputs.empty()) continue;
      const int input = each.inputs[0];
      const bool was_shared = shared[static_cast<std::size_t>(values_.find(input))];
      if (each.transparent_forward) {
        for (int output : each.outputs) values_.join(input, output);
        shared[static_cast<std::size_t>(values_.find(input))] = was_shared || each.outputs.size() > 1;
      } else if (each.forward_in_place && !was_shared && !read_by_backward(input)) {
        values_.join(input, each.outputs[0]);
      }
    }
  }

  // Nodes that write into the class, in order.
  std::vector<int> writers(int value_class) {
    std::vector<int> result;
    for (int i = 0; i < node_count(); ++i) {
      if (node(i).transparent_forward) continue;
      for (int output : node(i).outputs) {
        if (values_.find(output) == value_class) {
          result.push_back(i);
          break;
        }
      }
    }
    return result;
  }

  bool crosses_segments(Classes& classes, int wanted) {
    int first = -1;
    bool crosses = false;
    for (int v = 0; v < value_count(); ++v) {
      if (classes.find(v) != wanted) continue;
      for (int end : {value(v).producer, value(v).consumer}) {
        if (first < 0) first = segment_of(end);
        crosses = crosses || segment_of(end) != first;
      }
    }
    return crosses;
  }

  // A class is kept in full for backward unless it can be made again from kept classes by cheap nodes.
  void choose_kept() {
    full_.assign(graph_.values.size(), false);
    again_.assign(graph_.values.size(), false);
    for (int v = 0; v < value_count(); ++v) {  // values are numbered in the order their producers run
      if (values_.find(v) != v) continue;
      const bool crosses = crosses_segments(values_, v);
      bool remake = !crosses;
      for (int writer : writers(v)) {
        remake = remake && node(writer).cheap;
        for (int input : node(writer).inputs) {
          const int source = values_.find(input);
          remake = remake && (source == v || full_[static_cast<std::size_t>(source)] ||
                              again_[static_cast<std::size_t>(source)]);
        }
      }
      const bool needed = read_by_backward(v);
      full_[static_cast<std::size_t>(v)] = crosses || (needed && !remake);
      again_[static_cast<std::size_t>(v)] = keep() && !full_[static_cast<std::size_t>(v)] && remake;
    }
  }

  void join_gradients() {
    for (const Node& each : graph_.nodes) {
      if (each.inputs.empty() || each.outputs.empty()) continue;
      if (each.transparent_backward || each.backward_in_place)
        gradients_.join(each.inputs[0], each.outputs[0]);
    }
  }

  void remake(int value_class, std::vector<Instruction>& instructions) {
    for (int writer : writers(value_class)) {
      for (int input : node(writer).inputs) {
        const int source = values_.find(input);
        if (source != value_class && !full_[static_cast<std::size_t>(source)]) remake(source, instructions);
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
            const int source = values_.find(input);
            if (!full_[static_cast<std::size_t>(source)]) remake(source, segment.backward);
          }
        }
        segment.backward.push_back({*position, Direction::backward});
      }
    }
    for (Segment& segment : program_.segments) {
      const std::vector<int> stage_of = number_stages(segment);
      segment.forward_stages = cut_stages(segment.forward, stage_of);
      segment.backward_stages = cut_stages(segment.backward, stage_of);
    }
  }

  // A stage is a recurrent layer with what leads to it: cut where a Linear follows on a recurrence.
  std::vector<int> number_stages(const Segment& segment) const {
    std::vector<int> stage_of(graph_.nodes.size(), 0);
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
    return stage_of;
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
      const auto key = static_cast<std::size_t>(values_.find(v));
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
    for (int v = 0; v < value_count(); ++v) {
      const int root = gradients_.find(v);
      const auto key = static_cast<std::size_t>(root);
      if (of_class[key] < 0) {
        of_class[key] = static_cast<int>(program_.storages.size());
        program_.storages.push_back(
            {value(v).features, value(v).sequence, false, crosses_segments(gradients_, root)});
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
  std::vector<bool> full_, again_;  // by class
};

}  // namespace

Program make_program(const Graph& graph, Mode mode) { return ProgramMaker(graph, mode).make(); }

}  // namespace indrnn
