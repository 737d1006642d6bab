#include "backend/backend.hpp"

#include <algorithm>
#include <charconv>
#include <mutex>

#include "backend/cpu/executor.hpp"
#include "indrnn/error.hpp"

namespace indrnn {
namespace {

struct Registry {
  std::mutex mutex;
  std::vector<Backend> backends = {{"cpu", cpu::make_executor}};
};

Registry& registry() {
  static Registry instance;
  return instance;
}

[[noreturn]] void unknown_device(const std::string& device) {
  std::string names;
  for (const std::string& name : backend_names()) names += (names.empty() ? "" : ", ") + name;
  throw DeviceError("[network] device must be one of " + names + " (with an index as in 'cuda:1'), got '" +
                    device + "'");
}

}  // namespace

void register_backend(Backend backend) {
  Registry& known = registry();
  const std::scoped_lock lock(known.mutex);
  std::erase_if(known.backends, [&](const Backend& each) { return each.device == backend.device; });
  known.backends.push_back(std::move(backend));
}

std::vector<std::string> backend_names() {
  Registry& known = registry();
  const std::scoped_lock lock(known.mutex);
  std::vector<std::string> names;
  for (const Backend& each : known.backends) names.push_back(each.device);
  return names;
}

std::unique_ptr<Executor> make_executor(const std::string& device, const Graph& graph, DType dtype) {
  const std::size_t colon = device.find(':');
  int index = 0;
  if (colon != std::string::npos) {
    const char* end = device.data() + device.size();
    const auto [stop, error] = std::from_chars(device.data() + colon + 1, end, index);
    if (error != std::errc() || stop != end || index < 0) unknown_device(device);
  }
  MakeExecutor make;
  {
    Registry& known = registry();
    const std::scoped_lock lock(known.mutex);
    for (const Backend& each : known.backends) {
      if (each.device == device.substr(0, colon)) make = each.make_executor;
    }
  }
  if (!make) unknown_device(device);
  return make(graph, dtype, index);
}

}  // namespace indrnn
