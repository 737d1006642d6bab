// The segments of a program in words: the part of a plan's description that every backend shares.
#pragma once

#include <nlohmann/json.hpp>

#include "plan/graph.hpp"
#include "plan/program.hpp"

namespace indrnn {

// [{"walks_time": ..., "nodes": ["0:Linear", "1:Recurrence+bias", ...]}, ...]
inline nlohmann::ordered_json describe_segments(const Graph& graph, const Program& program) {
  nlohmann::ordered_json segments = nlohmann::ordered_json::array();
  for (const Segment& segment : program.segments) {
    nlohmann::ordered_json nodes = nlohmann::ordered_json::array();
    for (int index : segment.nodes) {
      const Node& node = graph.nodes[static_cast<std::size_t>(index)];
      nodes.push_back(node.path + ":" + node.type + (node.fused_bias >= 0 ? "+bias" : ""));
    }
    segments.push_back({{"walks_time", segment.sequence}, {"nodes", nodes}});
  }
  return segments;
}

}  // namespace indrnn
