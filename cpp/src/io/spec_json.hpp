// A network's description as JSON and back:
//   {"input_size": 1, "dtype": "float32", "layers": [{"type": "Linear", "size": 128, "bias": true}, ...]}
#pragma once

#include <string>
#include <vector>

#include "indrnn/network.hpp"

namespace indrnn {

struct NetworkDescription {
  std::vector<nn::LayerSpec> layers;
  NetworkOptions options;
};

std::string write_description(const NetworkDescription& description);
// Throws InvalidArgument with the place at fault; never recurses deeper than a fixed limit.
NetworkDescription read_description(const std::string& json);

}  // namespace indrnn
