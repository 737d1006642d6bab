// What a layer is to the engine: a name, how its spec becomes graph nodes, and how the CPU runs those nodes.
// A new layer is one spec (nn.hpp), one file beside this one, and two lines in table.cpp: docs/adding-a-layer.md.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backend/cpu/runner.hpp"
#include "indrnn/nn.hpp"
#include "plan/graph.hpp"

namespace indrnn {

// How the CPU backend runs one type of node, for both element types.
struct CpuNode {
  const char* type;
  std::unique_ptr<cpu::Runner<float>> (*make_float)(const Graph&, const Node&);
  std::unique_ptr<cpu::Runner<double>> (*make_double)(const Graph&, const Node&);
};

template <template <class> class RunnerType>
CpuNode cpu_node(const char* type) {
  return {type,
          [](const Graph& graph, const Node& node) -> std::unique_ptr<cpu::Runner<float>> {
            return std::make_unique<RunnerType<float>>(graph, node);
          },
          [](const Graph& graph, const Node& node) -> std::unique_ptr<cpu::Runner<double>> {
            return std::make_unique<RunnerType<double>>(graph, node);
          }};
}

struct LayerEntry {
  std::string type;  // of the spec
  // Adds the nodes of one layer behind value `input`; returns the value that holds its result.
  int (*lower)(GraphBuilder& builder, const nn::LayerSpec& spec, int input,
               const std::string& path) = nullptr;
  std::vector<CpuNode> nodes{};
  // The same spec with every field that was left out at its default.
  nn::LayerSpec (*complete)(const nn::LayerSpec& spec, const std::string& path) = nullptr;
};

using LowerLayer = decltype(LayerEntry::lower);
template <class Spec>
LayerEntry layer(LowerLayer lower, std::vector<CpuNode> nodes = {});
// Nodes that layers of several types, or of another file, are lowered to.
inline LayerEntry only_nodes(std::vector<CpuNode> nodes) { return {"", nullptr, std::move(nodes)}; }

std::vector<nn::LayerSpec> complete_layers(std::span<const nn::LayerSpec> layers, const std::string& path);

const LayerEntry& layer_entry(const std::string& type,
                              const std::string& path);  // throws and lists the known types
const CpuNode& find_cpu_node(const std::string& type);

// Fills a spec struct from its generic form; an unknown field or a wrong type of value throws and names it.
template <class Spec>
Spec read_spec(const nn::LayerSpec& generic, const std::string& path);

[[noreturn]] INDRNN_API void throw_field_error(const std::string& path, const std::string& type,
                                               const std::string& message);

// What the layer reads; throws unless it is a sequence. `when` is the setting of the layer that asks for one.
Value read_sequence(const GraphBuilder& builder, int input, const std::string& path, const std::string& type,
                    const std::string& when = "");

}  // namespace indrnn

#include "layers/read_spec.hpp"
