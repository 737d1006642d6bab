// The values a network starts from.
#pragma once

#include <cstdint>

#include "indrnn/tensor.hpp"
#include "plan/graph.hpp"

namespace indrnn {

// Fills flat parameters and buffers on the host. Depends on the seed and on each parameter's place in the network alone.
void initialize(const Graph& graph, std::uint64_t seed, TensorView parameters, TensorView buffers);

}  // namespace indrnn
