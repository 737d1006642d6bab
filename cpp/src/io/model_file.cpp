// Networks in model files, version 1 (docs/model-file.md). Read: the header, then the layers, then every tensor's name,
// dtype and shape are checked against the file's own bytes before memory is taken for parameters.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <list>
#include <unordered_map>
#include <unordered_set>

#include "backend/device_context.hpp"
#include "core/check.hpp"
#include "indrnn/error.hpp"
#include "indrnn/network.hpp"
#include "io/file.hpp"
#include "io/safetensors.hpp"
#include "io/spec_json.hpp"
#include "layers/layer.hpp"
#include "plan/graph.hpp"

namespace indrnn {
namespace {

constexpr const char* format = "indrnn_engine";
constexpr const char* version = "1";
constexpr std::array reserved = {"format", "format_version", "network", "random_state"};

// A file's text in a message, which a hostile one could make long.
std::string quoted(const std::string& text) {
  std::string result("'");
  result.append(text, 0, 80).append(text.size() > 80 ? "...'" : "'");
  return result;
}

const char* file_dtype(DType dtype) { return dtype == DType::float64 ? "F64" : "F32"; }

const std::string& text_of(const SafetensorsFile& file, const char* key) {
  static const std::string nothing;
  const auto found = file.metadata.find(key);
  return found == file.metadata.end() ? nothing : found->second;
}

SafetensorsFile read_model(std::span<const std::byte> bytes) {
  SafetensorsFile file = read_safetensors(bytes);
  if (text_of(file, "format") != format) throw InvalidArgument("it is not a network saved by indrnn_engine");
  if (text_of(file, "format_version") != version) {
    const bool given = file.metadata.contains("format_version");
    throw InvalidArgument("its format version is " +
                          (given ? quoted(text_of(file, "format_version")) : "None") +
                          "; this release reads version '" + version + "'");
  }
  if (!file.metadata.contains("network")) throw InvalidArgument("its metadata has no 'network'");
  return file;
}

using Tensors = std::unordered_map<std::string, const FileTensor*>;

std::string shape_text(const std::vector<std::int64_t>& sizes) {
  std::string text = "[";
  for (const std::int64_t size : sizes) text += (text.size() > 1 ? ", " : "") + std::to_string(size);
  return text + "]";
}

// The network's arrays are those of the file, each as large as the file says; then both need the same memory.
void check_tensors(const Graph& graph, DType dtype, const Tensors& tensors) {
  std::unordered_set<std::string> expected;
  std::string missing, extra;
  const auto check = [&](const std::string& name, const Shape& shape) {
    expected.insert(name);
    const auto found = tensors.find(name);
    if (found == tensors.end()) {
      if (missing.size() < 400) missing += (missing.empty() ? "" : ", ") + name;
      return;
    }
    const FileTensor& tensor = *found->second;
    bool same = tensor.shape.size() == static_cast<std::size_t>(shape.rank());
    for (int axis = 0; same && axis < shape.rank(); ++axis)
      same = tensor.shape[static_cast<std::size_t>(axis)] == shape[axis];
    if (!same)
      throw InvalidArgument(name + " must have shape " + shape.to_string() + ", got " +
                            shape_text(tensor.shape));
    if (tensor.dtype != file_dtype(dtype))
      throw InvalidArgument(name + " must be " + file_dtype(dtype) + ", got " + tensor.dtype);
  };
  for (const Parameter& parameter : graph.parameters) check(parameter.name, parameter.shape);
  for (const Buffer& buffer : graph.buffers) check(buffer.name, buffer.shape);
  if (!missing.empty()) throw InvalidArgument("tensors are missing: " + missing);
  for (const auto& [name, tensor] : tensors) {
    if (!expected.contains(name) && extra.size() < 400)
      extra += (extra.empty() ? "" : ", ") + name.substr(0, 80);
  }
  if (!extra.empty()) throw InvalidArgument("it has tensors that its layers do not have: " + extra);
}

std::pair<std::uint64_t, std::uint64_t> read_random_state(const SafetensorsFile& file) {
  std::pair<std::uint64_t, std::uint64_t> state{0, 0};
  if (!file.metadata.contains("random_state")) return state;
  const std::string& text = text_of(file, "random_state");
  const char* end = text.data() + text.size();
  const auto seed = std::from_chars(text.data(), end, state.first);
  if (seed.ec == std::errc() && seed.ptr != end && *seed.ptr == ',') {
    const auto forwards = std::from_chars(seed.ptr + 1, end, state.second);
    if (forwards.ec == std::errc() && forwards.ptr == end) return state;
  }
  throw InvalidArgument("its random state must be two numbers below 2^64, got " + quoted(text));
}

// Whatever is wrong with the content becomes an InvalidArgument that says where it came from.
template <class Work>
auto reading(const std::string& source, const Work& work) {
  try {
    return work();
  } catch (const InvalidArgument& error) {
    throw InvalidArgument("[load] " + source + ": " + error.what());
  } catch (const TypeMismatch& error) {
    throw InvalidArgument("[load] " + source + ": " + error.what());
  } catch (const OutOfMemory& error) {  // what the layers claim; nothing of that size was asked for yet
    throw InvalidArgument("[load] " + source + ": " + error.what());
  }
}

void check_metadata(const Metadata& metadata) {
  for (const auto& [key, text] : metadata) {
    if (std::ranges::find(reserved, key) != reserved.end())
      throw InvalidArgument("[save] metadata key '" + key + "' is the format's own");
  }
}

}  // namespace

Network Network::from_bytes(std::span<const std::byte> bytes, const LoadOptions& options) {
  return read(bytes, "the given bytes", options);
}

Network Network::load(const std::string& path, const LoadOptions& options) {
  const MappedFile file(path);
  return read(file.bytes(), path, options);
}

Network Network::read(std::span<const std::byte> bytes, const std::string& source,
                      const LoadOptions& options) {
  SafetensorsFile file;
  NetworkDescription description;
  std::pair<std::uint64_t, std::uint64_t> random;
  reading(source, [&] {
    file = read_model(bytes);
    description = read_description(text_of(file, "network"));
    random = read_random_state(file);
    Tensors tensors;
    for (const FileTensor& tensor : file.tensors) tensors.emplace(tensor.name, &tensor);
    const Graph graph = make_graph(complete_layers(description.layers, ""), description.options.input_size);
    check_tensors(graph, description.options.dtype, tensors);
  });
  description.options.device = options.device;
  description.options.memory = options.memory;
  description.options.seed = random.first;
  Network network = create_unset(description.layers, description.options);
  network.set_random_state(random.first, random.second);
  std::unordered_map<std::string, TensorView> views;
  for (const NamedView& named : network.named_parameters()) views.emplace(named.name, named.view);
  for (const NamedView& named : network.named_buffers()) views.emplace(named.name, named.view);
  const auto context = network.context();
  for (const FileTensor& tensor : file.tensors) {
    auto* to = views.at(tensor.name).as<std::byte>();
    if (context != nullptr) {
      context->upload(tensor.data.data(), to, tensor.data.size());
    } else {
      std::ranges::copy(tensor.data, to);
    }
  }
  return network;
}

std::vector<std::byte> Network::to_bytes(const Metadata& metadata) const {
  check_metadata(metadata);
  const auto [seed, forwards] = random_state();
  SafetensorsFile file{metadata, {}};
  file.metadata.emplace("format", format);
  file.metadata.emplace("format_version", version);
  file.metadata.emplace("network", to_json());
  file.metadata.emplace("random_state", std::to_string(seed) + "," + std::to_string(forwards));
  const auto device = context();
  std::list<Tensor> copies;  // of what lies on a device, until it is written
  for (const std::vector<NamedView>* views : {&named_parameters(), &named_buffers()}) {
    for (const auto& [name, stored] : *views) {
      TensorView view = stored;
      if (device != nullptr) {
        Tensor& copy = copies.emplace_back(stored.shape, stored.dtype);
        device->download(stored.data, copy.data<void>(), copy.bytes());
        view = copy.view();
      }
      FileTensor tensor{name, file_dtype(view.dtype), {}, {}};
      for (int axis = 0; axis < view.shape.rank(); ++axis) tensor.shape.push_back(view.shape[axis]);
      tensor.data = {view.as<std::byte>(),
                     static_cast<std::size_t>(view.shape.elements()) * size_of(view.dtype)};
      file.tensors.push_back(std::move(tensor));
    }
  }
  return write_safetensors(file);
}

void Network::save(const std::string& path, const Metadata& metadata) const {
  write_atomically(path, to_bytes(metadata));
}

Metadata read_metadata(const std::string& path) {
  const MappedFile file(path);
  return reading(path, [&] { return read_model(file.bytes()).metadata; });
}

}  // namespace indrnn
