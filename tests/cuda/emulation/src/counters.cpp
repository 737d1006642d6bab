#include "counters.hpp"

#include <sstream>

#include "runtime.hpp"

namespace emulation {

std::map<std::string, Counters>& counters() {
  static std::map<std::string, Counters> instance;
  return instance;
}

std::map<std::string, std::uint64_t>& calls() {
  static std::map<std::string, std::uint64_t> instance;
  return instance;
}

void reset_counters() {
  calls().clear();
  // The entries stay: queued launches point to theirs.
  for (auto& [name, each] : counters()) {
    each.launches = 0;
    each.bytes_read = 0;
    each.bytes_written = 0;
  }
}

}  // namespace emulation

using emulation::counters;

const char* cuda_emulation_counters() {
  const std::scoped_lock lock(emulation::runtime_mutex());
  static std::string json;
  std::ostringstream text;
  text << '{';
  const char* separator = "";
  for (const auto& [name, each] : counters()) {
    if (each.launches == 0) continue;
    text << separator << '"' << name << "\": {\"launches\": " << each.launches
         << ", \"bytes_read\": " << each.bytes_read << ", \"bytes_written\": " << each.bytes_written << '}';
    separator = ", ";
  }
  text << '}';
  json = text.str();
  return json.c_str();
}

void cuda_emulation_reset_counters() {
  const std::scoped_lock lock(emulation::runtime_mutex());
  emulation::finish_everything();
  emulation::reset_counters();
}

void cuda_emulation_finish() {
  const std::scoped_lock lock(emulation::runtime_mutex());
  emulation::finish_everything();
}

std::uint64_t cuda_emulation_calls(const char* function) {
  const std::scoped_lock lock(emulation::runtime_mutex());
  return emulation::calls()[function];
}

std::uint64_t cuda_emulation_live_bytes(int device) {
  const std::scoped_lock lock(emulation::runtime_mutex());
  return emulation::live_bytes(device);
}
