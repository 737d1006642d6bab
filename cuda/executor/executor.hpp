// Runs plans on a CUDA device: node after node, each over a whole window of time, in one stream.
#pragma once

#include <memory>

#include "backend/backend.hpp"

namespace indrnn::cuda {

std::unique_ptr<Executor> make_executor(const Graph& graph, DType dtype, int device_index);

}  // namespace indrnn::cuda
