// The activations by name. Their derivatives need only h = act(a).
#pragma once

#include <optional>
#include <string>

#include "backend/cpu/kernels/kernels.hpp"
#include "indrnn/export.hpp"

namespace indrnn {

INDRNN_API std::optional<cpu::Activation> find_activation(const std::string& name);
std::string unknown_activation(const std::string& name);  // "activation must be one of ..., got ..."

}  // namespace indrnn
