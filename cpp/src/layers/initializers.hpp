// How a spec's `init` name becomes an initializer.
#pragma once

#include <string>

#include "plan/graph.hpp"

namespace indrnn {

// "kaiming_uniform" and "kaiming_normal" (scale: negative slope a), "uniform" (-scale, scale), "normal" (deviation scale).
// Throws InvalidArgument, naming layer and type, and lists the known names.
Initializer weight_initializer(const std::string& init, double scale, const std::string& path,
                               const std::string& type);

// Throws unless size is in [1, 2^31).
void check_size(std::int64_t size, const char* field, const std::string& path, const std::string& type);

}  // namespace indrnn
