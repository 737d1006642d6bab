#include "core/cpu_quota.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <span>

namespace indrnn {
namespace {

// ---- texts -------------------------------------------------------------------------------------------------------

// The first word of a text, and what follows it.
std::string_view take_word(std::string_view& text) {
  constexpr std::string_view blanks = " \t\n";
  text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
  const std::string_view word = text.substr(0, text.find_first_of(blanks));
  text.remove_prefix(word.size());
  return word;
}

// A positive whole number; 0 for anything else.
std::int64_t positive(std::string_view word) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  return error == std::errc() && end == word.data() + word.size() && value > 0 ? value : 0;
}

int cores_of(std::int64_t quota, std::int64_t period) {
  if (quota == 0 || period == 0) return 0;
  const std::int64_t cores = quota / period + (quota % period != 0 ? 1 : 0);
  return static_cast<int>(std::min<std::int64_t>(cores, std::numeric_limits<int>::max()));
}

// The smaller of two limits, of which 0 is none.
int tighter(int a, int b) { return a == 0 || b == 0 ? std::max(a, b) : std::min(a, b); }

// Whether a list such as "cpu,cpuacct" names the controller "cpu".
bool names_cpu(std::string_view controllers) {
  while (!controllers.empty()) {
    const std::string_view name = controllers.substr(0, controllers.find(','));
    if (name == "cpu") return true;
    controllers.remove_prefix(std::min(name.size() + 1, controllers.size()));
  }
  return false;
}

// ---- files -------------------------------------------------------------------------------------------------------

// The beginning of a file, as far as the buffer reaches; empty for a file that cannot be read.
std::string_view read_text(const char* path, std::span<char> buffer) {
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return {};
  std::size_t size = 0;
  while (size < buffer.size()) {
    const ssize_t count = read(file, buffer.data() + size, buffer.size() - size);
    if (count <= 0) break;
    size += static_cast<std::size_t>(count);
  }
  close(file);
  return {buffer.data(), size};
}

// The file `name` of one group: of `group`, a path that starts with "/", under mount/hierarchy.
std::string_view read_of_group(const char* mount, const char* hierarchy, std::string_view group,
                               const char* name, std::span<char> buffer) {
  std::array<char, 4096> path;
  const int length = std::snprintf(path.data(), path.size(), "%s%s%.*s/%s", mount, hierarchy,
                                   static_cast<int>(group.size()), group.data(), name);
  if (length < 0 || static_cast<std::size_t>(length) >= path.size()) return {};
  return read_text(path.data(), buffer);
}

int limit_of_group(const char* mount, const char* hierarchy, std::string_view group) {
  std::array<char, 64> first, second;
  if (*hierarchy == '\0') return cores_of_cpu_max(read_of_group(mount, hierarchy, group, "cpu.max", first));
  return cores_of_cfs(read_of_group(mount, hierarchy, group, "cpu.cfs_quota_us", first),
                      read_of_group(mount, hierarchy, group, "cpu.cfs_period_us", second));
}

// The group and all groups around it: each has a limit of its own. Inside a container the path may be that of the host,
// of which only the root is mounted; the walk ends there.
int limit_along(const char* mount, const char* hierarchy, std::string_view group) {
  if (group.find("/..") != std::string_view::npos) group = {};  // outside what is mounted
  while (group.ends_with('/')) group.remove_suffix(1);
  int limit = limit_of_group(mount, hierarchy, group);
  while (!group.empty()) {
    group = group.substr(0, group.rfind('/'));
    limit = tighter(limit, limit_of_group(mount, hierarchy, group));
  }
  return limit;
}

}  // namespace

int cores_of_cpu_max(std::string_view text) {
  const std::int64_t quota = positive(take_word(text));
  return cores_of(quota, positive(take_word(text)));
}

int cores_of_cfs(std::string_view quota, std::string_view period) {
  return cores_of(positive(take_word(quota)), positive(take_word(period)));
}

int quota_of_groups(std::string_view groups, const char* mount) {
  int limit = 0;
  while (!groups.empty()) {  // lines such as "4:cpu,cpuacct:/group" (v1) and "0::/group" (v2)
    const std::string_view line = groups.substr(0, groups.find('\n'));
    groups.remove_prefix(std::min(line.size() + 1, groups.size()));
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    const std::string_view group = line.substr(second + 1);
    if (!group.starts_with('/')) continue;
    if (controllers.empty()) {
      limit = tighter(limit, limit_along(mount, "", group));
    } else if (names_cpu(controllers)) {
      limit = tighter(limit, limit_along(mount, "/cpu", group));
    }
  }
  return limit;
}

int cpu_quota() {
#if defined(__linux__)
  std::array<char, 8192> groups;
  return quota_of_groups(read_text("/proc/self/cgroup", groups), "/sys/fs/cgroup");
#else
  return 0;
#endif
}

}  // namespace indrnn
