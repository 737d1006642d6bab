// Generic spec -> typed spec, with every field checked.
#pragma once

#include <set>
#include <string>
#include <type_traits>
#include <variant>

#include "layers/layer.hpp"

namespace indrnn {

template <class Field>
void read_field(const nn::FieldValue& value, const char* name, Field& field, const std::string& path,
                const std::string& type) {
  if (const Field* exact = std::get_if<Field>(&value)) {
    field = *exact;
    return;
  }
  if constexpr (std::is_same_v<Field, double>) {  // JSON writes 1.0 as 1
    if (const auto* integer = std::get_if<std::int64_t>(&value)) {
      field = static_cast<double>(*integer);
      return;
    }
  }
  const char* needed = std::is_same_v<Field, bool>           ? "true or false"
                       : std::is_same_v<Field, std::int64_t> ? "an integer"
                       : std::is_same_v<Field, double>       ? "a number"
                                                             : "a string";
  throw_field_error(path, type, std::string(name) + " must be " + needed);
}

template <class Spec>
Spec read_spec(const nn::LayerSpec& generic, const std::string& path) {
  Spec spec;
  std::set<std::string> known;
  spec.visit([&](const char* name, auto& field) {
    known.insert(name);
    if (auto found = generic.fields.find(name); found != generic.fields.end()) {
      read_field(found->second, name, field, path, generic.type);
    }
  });
  for (const auto& [name, value] : generic.fields) {
    if (known.contains(name)) continue;
    std::string names;
    for (const auto& each : known) names += (names.empty() ? "" : ", ") + each;
    throw_field_error(path, generic.type, "has no field '" + name + "'; its fields are: " + names);
  }
  if constexpr (requires { spec.layers; }) {
    spec.layers = generic.layers;
  } else if (!generic.layers.empty()) {
    throw_field_error(path, generic.type, "must not hold layers");
  }
  return spec;
}

template <class Spec>
LayerEntry layer(LowerLayer lower, std::vector<CpuNode> nodes) {
  return {Spec::type_name(), lower, std::move(nodes),
          [](const nn::LayerSpec& generic, const std::string& path) -> nn::LayerSpec {
            return read_spec<Spec>(generic, path);
          }};
}

}  // namespace indrnn
