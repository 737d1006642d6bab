#include <cstring>
#include <nlohmann/json.hpp>

#include "indrnn/error.hpp"
#include "io/safetensors.hpp"

namespace indrnn {

namespace {

std::string quoted(const std::string& text) {
  try {
    return nlohmann::json(text).dump();
  } catch (const nlohmann::json::type_error&) {
    throw InvalidArgument("[save] metadata must be UTF-8 text");
  }
}

}  // namespace

std::vector<std::byte> write_safetensors(const SafetensorsFile& file) {
  std::string header = "{\"__metadata__\":{";
  for (const auto& [key, text] : file.metadata)
    header.append(header.back() == '{' ? "" : ",").append(quoted(key)).append(":").append(quoted(text));
  header += '}';
  std::size_t reached = 0;
  for (const FileTensor& tensor : file.tensors) {
    header.append(",").append(quoted(tensor.name)).append(":{\"dtype\":").append(quoted(tensor.dtype));
    header.append(",\"shape\":[");
    for (const std::int64_t size : tensor.shape)
      header.append(header.back() == '[' ? "" : ",").append(std::to_string(size));
    header.append("],\"data_offsets\":[").append(std::to_string(reached));
    reached += tensor.data.size();
    header.append(",").append(std::to_string(reached)).append("]}");
  }
  header += '}';
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
