#include "backend/cpu/describe.hpp"

#include <nlohmann/json.hpp>

namespace indrnn::cpu {

std::string describe(const Graph& graph, const Plan& plan) {
  const Geometry& geometry = plan.geometry;
  nlohmann::ordered_json json;
  json["time_steps"] = geometry.time_steps;
  json["batch"] = geometry.batch;
  json["chunk_steps"] = geometry.chunk_steps;
  json["chunks"] = geometry.chunks;
  json["tiles"] = geometry.tiles;
  json["lanes"] = geometry.lanes;
  json["workers"] = plan.workers;
  json["workspace_bytes"] = plan.total_bytes;
  json["segments"] = nlohmann::ordered_json::array();
  for (const Segment& segment : plan.program.segments) {
    nlohmann::ordered_json nodes = nlohmann::ordered_json::array();
    for (int index : segment.nodes) {
      const Node& node = graph.nodes[static_cast<std::size_t>(index)];
      nodes.push_back(node.path + ":" + node.type + (node.fused_bias >= 0 ? "+bias" : ""));
    }
    json["segments"].push_back({{"walks_time", segment.sequence}, {"nodes", nodes}});
  }
  return json.dump();
}

}  // namespace indrnn::cpu
