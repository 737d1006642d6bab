#include "layers/activation.hpp"

#include <array>
#include <utility>

namespace indrnn {
namespace {

constexpr std::array<std::pair<const char*, cpu::Activation>, 4> activations = {{
    {"relu", cpu::Activation::relu},
    {"tanh", cpu::Activation::tanh},
    {"sigmoid", cpu::Activation::sigmoid},
    {"identity", cpu::Activation::identity},
}};

}  // namespace

std::optional<cpu::Activation> find_activation(const std::string& name) {
  for (const auto& [known, activation] : activations) {
    if (name == known) return activation;
  }
  return std::nullopt;
}

std::string unknown_activation(const std::string& name) {
  std::string names;
  for (const auto& [known, activation] : activations)
    names += (names.empty() ? "" : ", ") + std::string(known);
  return "activation must be one of " + names + "; got '" + name + "'";
}

}  // namespace indrnn
