// All layers. A new one is one line in each of the two lists.
#include <array>
#include <string>

#include "indrnn/error.hpp"
#include "layers/layer.hpp"

namespace indrnn {

LayerEntry input_output();  // the ends of every network
LayerEntry batch_norm_layer();
LayerEntry dropout_layer();
LayerEntry embedding_layer();
LayerEntry indrnn_layer();
LayerEntry last_step_layer();
LayerEntry linear_layer();
LayerEntry recurrence_layer();

namespace {

const auto& table() {
  static const std::array entries = {
      input_output(), batch_norm_layer(), dropout_layer(), embedding_layer(),
      indrnn_layer(), last_step_layer(),  linear_layer(),  recurrence_layer(),
  };
  return entries;
}

}  // namespace

std::span<const LayerEntry> layer_entries() { return table(); }

const LayerEntry& layer_entry(const std::string& type, const std::string& path) {
  std::string known;
  for (const LayerEntry& entry : table()) {
    if (entry.lower == nullptr) continue;
    if (entry.type == type) return entry;
    known += (known.empty() ? "" : ", ") + entry.type;
  }
  throw InvalidArgument("[network] layer " + path + " has the unknown type '" + type +
                        "'; the types are: " + known);
}

const CpuNode& find_cpu_node(const std::string& type) {
  for (const LayerEntry& entry : table()) {
    for (const CpuNode& node : entry.nodes) {
      if (type == node.type) return node;
    }
  }
  throw Error("[network] the CPU backend has no node '" + type + "'");
}

void throw_field_error(const std::string& path, const std::string& type, const std::string& message) {
  throw InvalidArgument("[network] layer " + path + " (" + type + ") " + message);
}

}  // namespace indrnn
