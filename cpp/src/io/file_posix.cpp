#if !defined(_WIN32)
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "indrnn/error.hpp"
#include "io/file.hpp"

namespace indrnn {
namespace {

[[noreturn]] void fail_with(const char* what, const std::string& path, int code) {
  throw FileError(std::string("could not ") + what + " " + path + ": " + std::strerror(code), code, path);
}

class Descriptor {
 public:
  // `named` is the path that an error names: the caller's, where `path` is not.
  Descriptor(const char* what, const std::string& path, int flags, const std::string& named)
      : descriptor_(open(path.c_str(), flags | O_CLOEXEC, 0666)) {
    if (descriptor_ < 0) fail_with(what, named, errno);
  }
  ~Descriptor() { close(descriptor_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

// Removes the temporary file unless it was renamed.
struct Temporary {
  std::string path;
  ~Temporary() {
    if (!path.empty()) unlink(path.c_str());
  }
};

std::string behind_links(const std::string& path) {
  const std::unique_ptr<char, void (*)(void*)> resolved(realpath(path.c_str(), nullptr), std::free);
  return resolved ? resolved.get() : path;  // a new file has nothing to resolve
}

void write_all(int descriptor, std::span<const std::byte> bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_with("write", path, errno);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

}  // namespace

MappedFile::MappedFile(const std::string& path) {
  const Descriptor file("read", path, O_RDONLY | O_NONBLOCK, path);  // a pipe without a writer must not hang
  struct stat status{};
  if (fstat(file.get(), &status) != 0) fail_with("read", path, errno);
  if (!S_ISREG(status.st_mode)) fail_with("read", path, S_ISDIR(status.st_mode) ? EISDIR : EINVAL);
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size == 0) return;
  void* first = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (first == MAP_FAILED) fail_with("read", path, errno);
  bytes_ = {static_cast<const std::byte*>(first), size};
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

void write_atomically(const std::string& path, std::span<const std::byte> bytes) {
  static std::atomic<unsigned> count{0};
  const std::string target = behind_links(path);
  const std::size_t slash = target.rfind('/');
  const std::string folder =
      slash == std::string::npos ? "." : target.substr(0, std::max<std::size_t>(slash, 1));
  struct stat old{};
  const bool replaces = stat(target.c_str(), &old) == 0;
  // A device or a pipe would be gone for good.
  if (replaces && !S_ISREG(old.st_mode)) fail_with("write", path, S_ISDIR(old.st_mode) ? EISDIR : EINVAL);
  // Of the name nothing: with it a long one would be too long.
  Temporary temporary{folder + "/.indrnn." + std::to_string(getpid()) + "." + std::to_string(count++) +
                      ".tmp"};
  {
    Descriptor file("write", temporary.path, O_WRONLY | O_CREAT | O_TRUNC, path);
    if (replaces && fchmod(file.get(), old.st_mode & 07777) != 0) fail_with("write", path, errno);
    write_all(file.get(), bytes, path);
    if (fsync(file.get()) != 0) fail_with("write", path, errno);
  }
  if (rename(temporary.path.c_str(), target.c_str()) != 0) fail_with("write", path, errno);
  temporary.path.clear();
  const Descriptor directory("flush", folder, O_RDONLY | O_DIRECTORY, path);
  fsync(directory.get());  // some file systems cannot; the file itself is safe
}

}  // namespace indrnn
#endif
