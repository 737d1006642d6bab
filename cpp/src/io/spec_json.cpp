#include "io/spec_json.hpp"

#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "indrnn/error.hpp"

namespace indrnn {
namespace {

using Json = nlohmann::ordered_json;
using ReadJson = nlohmann::json;  // sorted keys: a hostile object with a million of them takes no longer

constexpr int deepest = 64;  // layers within layers

Json write_layer(const nn::LayerSpec& spec) {
  Json json{{"type", spec.type}};
  for (const auto& [name, value] : spec.fields) {
    std::visit([&json, &name = name](const auto& field) { json[name] = field; }, value);
  }
  if (!spec.layers.empty()) {
    json["layers"] = Json::array();
    for (const nn::LayerSpec& layer : spec.layers) json["layers"].push_back(write_layer(layer));
  }
  return json;
}

std::vector<nn::LayerSpec> read_layers(const ReadJson& json, const std::string& where, int depth);

nn::FieldValue read_value(const ReadJson& json, const std::string& where) {
  if (json.is_boolean()) return json.get<bool>();
  if (json.is_number_integer()) {
    const bool too_large =
        json.is_number_unsigned() &&
        json.get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (too_large) throw InvalidArgument("[network] " + where + " must be below 2^63");
    return json.get<std::int64_t>();
  }
  if (json.is_number_float()) return json.get<double>();
  if (json.is_string()) return json.get<std::string>();
  throw InvalidArgument("[network] " + where + " must be a number, a string, true or false, got " +
                        json.type_name());
}

nn::LayerSpec read_layer(const ReadJson& json, const std::string& where, int depth) {
  if (!json.is_object())
    throw InvalidArgument("[network] " + where + " must be an object, got " + json.type_name());
  nn::LayerSpec spec;
  const auto type = json.find("type");
  if (type == json.end() || !type->is_string()) {
    throw InvalidArgument("[network] " + where + " must have a \"type\" that is a string");
  }
  spec.type = type->get<std::string>();
  for (const auto& [name, value] : json.items()) {
    if (name == "type") continue;
    if (name == "layers") {
      spec.layers = read_layers(value, where + ".layers", depth + 1);
    } else {
      spec.fields.emplace(name, read_value(value, where + "." + name));
    }
  }
  return spec;
}

std::vector<nn::LayerSpec> read_layers(const ReadJson& json, const std::string& where, int depth) {
  if (!json.is_array())
    throw InvalidArgument("[network] " + where + " must be an array, got " + json.type_name());
  if (depth > deepest)
    throw InvalidArgument("[network] layers must not nest deeper than " + std::to_string(deepest));
  std::vector<nn::LayerSpec> layers;
  for (const ReadJson& layer : json)
    layers.push_back(read_layer(layer, where + "[" + std::to_string(layers.size()) + "]", depth));
  return layers;
}

// Throws for a key that comes twice in an object, and for nesting that would exhaust a recursive reader.
ReadJson parse(const std::string& text) {
  std::vector<std::set<std::string>> keys;  // of the objects that are open
  const auto watch = [&](int depth, ReadJson::parse_event_t event, ReadJson& parsed) {
    if (depth > 4 * deepest)
      throw InvalidArgument("[network] JSON must not nest deeper than " + std::to_string(4 * deepest));
    if (event == ReadJson::parse_event_t::object_start) keys.emplace_back();
    if (event == ReadJson::parse_event_t::object_end) keys.pop_back();
    if (event == ReadJson::parse_event_t::key && !keys.back().insert(parsed.get<std::string>()).second)
      throw InvalidArgument("[network] the description has the key '" + parsed.get<std::string>() +
                            "' twice");
    return true;
  };
  ReadJson json = ReadJson::parse(text, watch, false);
  if (json.is_discarded() || !json.is_object()) {
    throw InvalidArgument("[network] the description must be a JSON object with \"layers\"");
  }
  return json;
}

}  // namespace

std::string write_description(const NetworkDescription& description) {
  Json json;
  json["input_size"] = description.options.input_size;
  json["dtype"] = name_of(description.options.dtype);
  json["layers"] = Json::array();
  for (const nn::LayerSpec& layer : description.layers) json["layers"].push_back(write_layer(layer));
  return json.dump();
}

NetworkDescription read_description(const std::string& text) {
  const ReadJson json = parse(text);
  NetworkDescription description;
  for (const auto& [name, value] : json.items()) {
    if (name == "input_size") {
      if (!value.is_number_integer()) throw InvalidArgument("[network] input_size must be an integer");
      description.options.input_size = value.get<std::int64_t>();
    } else if (name == "dtype") {
      if (!value.is_string()) throw InvalidArgument("[network] dtype must be a string");
      description.options.dtype = dtype_from_name(value.get<std::string>());
    } else if (name == "layers") {
      description.layers = read_layers(value, "layers", 0);
    } else {
      throw InvalidArgument("[network] the description has no field '" + name +
                            "'; its fields are: input_size, dtype, layers");
    }
  }
  return description;
}

}  // namespace indrnn
