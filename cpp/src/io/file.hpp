// Whole files: read through a memory map, written atomically.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace indrnn {

// A regular file's bytes, as long as the object lives. Throws FileError.
class MappedFile {
 public:
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::span<const std::byte> bytes_;
  std::vector<std::byte> copy_;  // where there are no maps
};

// Beside the target, flushed to the disk, then renamed: the path holds the old file or the new one, whole, through a
// crash or a power loss. A link is followed. Throws FileError; then the old file is untouched and nothing is left.
void write_atomically(const std::string& path, std::span<const std::byte> bytes);

}  // namespace indrnn
