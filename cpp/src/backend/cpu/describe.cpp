#include "backend/cpu/describe.hpp"

#include "plan/describe_segments.hpp"

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
  json["segments"] = describe_segments(graph, plan.program);
  return json.dump();
}

}  // namespace indrnn::cpu
