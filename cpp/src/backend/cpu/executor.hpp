// Runs plans on the CPU: lanes in parallel, each depth first through its tiles and chunks.
#pragma once

#include <memory>

#include "backend/backend.hpp"

namespace indrnn::cpu {

std::unique_ptr<Executor> make_executor(const Graph& graph, DType dtype, int device_index);

}  // namespace indrnn::cpu
