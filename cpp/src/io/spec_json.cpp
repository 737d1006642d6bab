#include "io/spec_json.hpp"

#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "indrnn/error.hpp"

// Text is written and read piece by piece, without a tree of JSON values in between: tearing one down takes memory,
// and there must be a way out when there is none left.

namespace indrnn {
namespace {

using Json = nlohmann::json;

constexpr std::size_t deepest = 64;  // layers within layers

std::string quoted(const std::string& text) { return Json(text).dump(); }

// As short as it can be read back equal, and with a point or an exponent.
std::string number(double value) {
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  std::string text(buffer, end);
  if (text.find_first_of(".en") == std::string::npos) text += ".0";
  return text;
}

struct WriteField {
  std::string operator()(bool value) const { return value ? "true" : "false"; }
  std::string operator()(std::int64_t value) const { return std::to_string(value); }
  std::string operator()(double value) const { return number(value); }
  std::string operator()(const std::string& value) const { return quoted(value); }
};

void write_layers(const std::vector<nn::LayerSpec>& layers, std::string& text);

void write_layer(const nn::LayerSpec& spec, std::string& text) {
  text.append("{\"type\":").append(quoted(spec.type));
  for (const auto& [name, value] : spec.fields)
    text.append(",").append(quoted(name)).append(":").append(std::visit(WriteField{}, value));
  if (!spec.layers.empty()) {
    text += ",\"layers\":";
    write_layers(spec.layers, text);
  }
  text += '}';
}

void write_layers(const std::vector<nn::LayerSpec>& layers, std::string& text) {
  text += '[';
  for (const nn::LayerSpec& layer : layers) {
    if (text.back() != '[') text += ',';
    write_layer(layer, text);
  }
  text += ']';
}

[[noreturn]] void invalid(const std::string& message) { throw InvalidArgument("[network] " + message); }

// Builds the description as it is parsed; anything that does not belong into one ends it. The parser does not recurse.
class DescriptionReader : public nlohmann::json_sax<Json> {
 public:
  NetworkDescription result;

  bool null() override { unexpected("null"); }
  bool boolean(bool value) override { return field(value, "boolean"); }
  bool number_integer(number_integer_t value) override { return field(value, "number"); }
  bool number_unsigned(number_unsigned_t value) override {
    if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
      invalid(where() + " must be below 2^63");
    return field(static_cast<std::int64_t>(value), "number");
  }
  bool number_float(number_float_t value, const string_t&) override { return field(value, "number"); }
  bool string(string_t& text) override { return field(std::move(text), "string"); }
  bool binary(binary_t&) override { unexpected("binary"); }

  bool start_object(std::size_t) override {
    if (!open_.empty() && open_.back().kind != Kind::list) unexpected("object");
    open_.push_back({open_.empty() ? Kind::document : Kind::layer});
    return true;
  }

  bool key(string_t& name) override {
    Open& object = open_.back();
    if (!object.keys.insert(name).second) invalid("the description has the key '" + name + "' twice");
    if (object.kind == Kind::document && name != "input_size" && name != "dtype" && name != "layers") {
      invalid("the description has no field '" + name + "'; its fields are: input_size, dtype, layers");
    }
    object.key = std::move(name);
    return true;
  }

  bool end_object() override {
    Open object = std::move(open_.back());
    open_.pop_back();
    if (object.kind == Kind::document) return true;
    if (!object.keys.contains("type")) invalid(where() + " must have a \"type\" that is a string");
    open_.back().layers.push_back(std::move(object.spec));
    return true;
  }

  bool start_array(std::size_t) override {
    if (open_.empty() || open_.back().kind == Kind::list || open_.back().key != "layers") unexpected("array");
    if (open_.size() > 2 * deepest) invalid("layers must not nest deeper than " + std::to_string(deepest));
    open_.push_back({Kind::list});
    return true;
  }

  bool end_array() override {
    std::vector<nn::LayerSpec> layers = std::move(open_.back().layers);
    open_.pop_back();
    Open& owner = open_.back();
    (owner.kind == Kind::document ? result.layers : owner.spec.layers) = std::move(layers);
    return true;
  }

  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
    invalid("the description must be a JSON object with \"layers\"");
  }

 private:
  enum class Kind { document, list, layer };
  struct Open {
    Kind kind;
    std::string key{};                    // of an object: the last one
    std::set<std::string> keys{};         // of an object
    std::vector<nn::LayerSpec> layers{};  // of a list
    nn::LayerSpec spec{};                 // of a layer
  };

  // "layers[2].layers[0].size"
  std::string where() const {
    std::string place;
    for (const Open& each : open_) {
      if (each.kind == Kind::list) {
        place.append("[").append(std::to_string(each.layers.size())).append("]");
      } else {
        place.append(place.empty() ? "" : ".").append(each.key);
      }
    }
    return place;
  }

  // A value of a kind that has no place here.
  [[noreturn]] void unexpected(const std::string& got) const {
    if (open_.empty()) invalid("the description must be a JSON object with \"layers\"");
    const Open& object = open_.back();
    if (object.kind == Kind::list) invalid(where() + " must be an object, got " + got);
    if (object.key == "layers") invalid(where() + " must be an array, got " + got);
    if (object.kind == Kind::document)
      invalid(object.key + (object.key == "dtype" ? " must be a string" : " must be an integer"));
    if (object.key == "type") invalid(layer_place() + " must have a \"type\" that is a string");
    invalid(where() + " must be a number, a string, true or false, got " + got);
  }

  template <class Value>
  bool field(Value value, const char* kind) {
    if (open_.empty() || open_.back().kind == Kind::list || open_.back().key == "layers") unexpected(kind);
    Open& object = open_.back();
    constexpr bool is_text = std::is_same_v<Value, std::string>;
    constexpr bool is_integer = std::is_same_v<Value, std::int64_t>;
    if (object.kind == Kind::layer && object.key != "type") {
      object.spec.fields.emplace(object.key, std::move(value));
      return true;
    }
    if constexpr (is_text) {
      if (object.key == "type") return object.spec.type = std::move(value), true;
      if (object.key == "dtype") return result.options.dtype = dtype_from_name(value), true;
    } else if constexpr (is_integer) {
      if (object.key == "input_size") return result.options.input_size = value, true;
    }
    unexpected(kind);
  }

  std::string layer_place() const {  // of the layer whose field is read
    const std::string place = where();
    return place.substr(0, place.rfind('.'));
  }

  std::vector<Open> open_;
};

}  // namespace

std::string write_description(const NetworkDescription& description) {
  std::string text = "{\"input_size\":" + std::to_string(description.options.input_size) +
                     ",\"dtype\":" + quoted(name_of(description.options.dtype)) + ",\"layers\":";
  write_layers(description.layers, text);
  return text + "}";
}

NetworkDescription read_description(const std::string& text) {
  DescriptionReader reader;
  Json::sax_parse(text, &reader);
  return std::move(reader.result);
}

}  // namespace indrnn
