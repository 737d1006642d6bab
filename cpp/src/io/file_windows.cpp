#if defined(_WIN32)
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "indrnn/error.hpp"
#include "io/file.hpp"

namespace indrnn {
namespace {

[[noreturn]] void fail_with(const char* what, const std::string& path) {
  const int code = errno != 0 ? errno : EIO;
  throw FileError(std::string("could not ") + what + " " + path + ": " + std::strerror(code), code, path);
}

}  // namespace

MappedFile::MappedFile(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) fail_with("read", path);
  copy_.resize(static_cast<std::size_t>(file.tellg()));
  file.seekg(0);
  if (!file.read(reinterpret_cast<char*>(copy_.data()), static_cast<std::streamsize>(copy_.size())))
    fail_with("read", path);
  bytes_ = copy_;
}

MappedFile::~MappedFile() = default;

void write_atomically(const std::string& path, std::span<const std::byte> bytes) {
  errno = 0;
  const std::string temporary = path + ".tmp";
  {
    std::ofstream file(temporary, std::ios::binary);
    file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    if (!file.flush()) fail_with("write", path);
  }
  std::error_code error;
  std::filesystem::rename(temporary, path, error);
  if (error) {
    std::filesystem::remove(temporary, error);
    fail_with("write", path);
  }
}

}  // namespace indrnn
#endif
