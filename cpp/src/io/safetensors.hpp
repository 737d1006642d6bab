// The container of model files: named tensors behind a JSON header (the safetensors format).
//   8 bytes        N, the header's length, little-endian
//   N bytes        {"__metadata__": {"key": "text", ...}, "name": {"dtype": "F32", "shape": [2, 3],
//                  "data_offsets": [begin, end]}, ...}, perhaps padded with spaces
//   the rest       the tensors, one after the other without gaps
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace indrnn {

struct FileTensor {
  std::string name;
  std::string dtype;  // "F32"
  std::vector<std::int64_t> shape;
  std::span<const std::byte> data;  // in the caller's bytes
};

struct SafetensorsFile {
  std::map<std::string, std::string> metadata;
  std::vector<FileTensor> tensors;
};

// Anything may come in: throws InvalidArgument "not a valid safetensors file: ..." for what is no such file, is
// truncated, has overlapping tensors, holes, names that come twice, or sizes that do not agree. Takes memory in
// proportion to the header, which is shorter than the file. The data are not copied.
SafetensorsFile read_safetensors(std::span<const std::byte> file);

// The tensors in the given order. Throws InvalidArgument for a text that is not UTF-8.
std::vector<std::byte> write_safetensors(const SafetensorsFile& file);

}  // namespace indrnn
