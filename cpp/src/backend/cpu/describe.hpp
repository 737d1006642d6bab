// A plan in words, for `indrnn info` and for tests.
#pragma once

#include <string>

#include "backend/cpu/plan.hpp"

namespace indrnn::cpu {

// JSON: {"time_steps": ..., "chunk_steps": ..., "chunks": ..., "lanes": ..., "segments": [{"nodes": ["0.Linear", ...]}], ...}
std::string describe(const Graph& graph, const Plan& plan);

}  // namespace indrnn::cpu
