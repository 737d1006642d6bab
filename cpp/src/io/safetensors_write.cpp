#include <cstring>
#include <nlohmann/json.hpp>

#include "indrnn/error.hpp"
#include "io/safetensors.hpp"

namespace indrnn {

std::vector<std::byte> write_safetensors(const SafetensorsFile& file) {
  nlohmann::ordered_json json;
  json["__metadata__"] = file.metadata;
  std::size_t reached = 0;
  for (const FileTensor& tensor : file.tensors) {
    auto& entry = json[tensor.name];
    entry["dtype"] = tensor.dtype;
    entry["shape"] = tensor.shape;
    entry["data_offsets"] = {reached, reached + tensor.data.size()};
    reached += tensor.data.size();
  }
  std::string header;
  try {
    header = json.dump();
  } catch (const nlohmann::json::type_error&) {
    throw InvalidArgument("[save] metadata must be UTF-8 text");
  }
  header.append((8 - header.size() % 8) % 8, ' ');  // so that a reader of the map finds aligned numbers

  std::vector<std::byte> bytes(8 + header.size() + reached);
  for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<std::byte>(header.size() >> (8 * i));
  std::memcpy(bytes.data() + 8, header.data(), header.size());
  std::byte* to = bytes.data() + 8 + header.size();
  for (const FileTensor& tensor : file.tensors) {
    if (!tensor.data.empty()) std::memcpy(to, tensor.data.data(), tensor.data.size());
    to += tensor.data.size();
  }
  return bytes;
}

}  // namespace indrnn
