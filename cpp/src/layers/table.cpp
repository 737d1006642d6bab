// All layers. A new one is one line in each of the two lists.
#include <array>
#include <string>

#include "indrnn/error.hpp"
#include "layers/layer.hpp"

namespace indrnn {

LayerEntry input_output();           // the ends of every network
LayerEntry fork_and_join();          // of Residual, Concat and Bidirectional
LayerEntry batch_norm_step_nodes();  // of BatchNorm
LayerEntry zoneout_nodes();          // of Recurrence
LayerEntry batch_norm_layer();
LayerEntry bidirectional_layer();
LayerEntry concat_layer();
LayerEntry dropout_layer();
LayerEntry embedding_layer();
LayerEntry indrnn_layer();
LayerEntry last_step_layer();
LayerEntry layer_norm_layer();
LayerEntry linear_layer();
LayerEntry mean_over_time_layer();
LayerEntry recurrence_layer();
LayerEntry residual_layer();
LayerEntry tied_linear_layer();
LayerEntry time_difference_layer();

namespace {

const auto& table() {
  static const std::array entries = {
      input_output(),      fork_and_join(),         batch_norm_step_nodes(), zoneout_nodes(),
      batch_norm_layer(),  bidirectional_layer(),   concat_layer(),          dropout_layer(),
      embedding_layer(),   indrnn_layer(),          last_step_layer(),       layer_norm_layer(),
      linear_layer(),      mean_over_time_layer(),  recurrence_layer(),      residual_layer(),
      tied_linear_layer(), time_difference_layer(),
  };
  return entries;
}

}  // namespace

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

std::vector<nn::LayerSpec> complete_layers(std::span<const nn::LayerSpec> layers, const std::string& path) {
  std::vector<nn::LayerSpec> result;
  for (const nn::LayerSpec& spec : layers) {
    const std::string layer_path = (path.empty() ? "" : path + ".") + std::to_string(result.size());
    nn::LayerSpec complete = layer_entry(spec.type, layer_path).complete(spec, layer_path);
    complete.layers = complete_layers(spec.layers, layer_path);
    result.push_back(std::move(complete));
  }
  return result;
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

Value read_sequence(const GraphBuilder& builder, int input, const std::string& path, const std::string& type,
                    const std::string& when) {
  const Value& value = builder.value(input);
  if (value.sequence) return value;
  throw_field_error(
      path, type,
      "must read a sequence" + when + ", got one row of each: the time steps end at a layer before it");
}

}  // namespace indrnn
