#include "layers/initializers.hpp"
#include "core/check.hpp"

#include <cmath>
#include <limits>
#include <map>

#include "layers/layer.hpp"

namespace indrnn {

Initializer weight_initializer(const std::string& init, double scale, const std::string& path,
                               const std::string& type) {
  if (!(scale >= 0.0 && std::isfinite(scale))) {
    throw_field_error(path, type, "init_scale must be at least 0, got " + to_text(scale));
  }
  const std::map<std::string, Initializer> known = {
      {"kaiming_uniform", {Fill::kaiming_uniform, 0.0, scale}},
      {"kaiming_normal", {Fill::kaiming_normal, 0.0, scale}},
      {"uniform", {Fill::uniform, -scale, scale}},
      {"normal", {Fill::normal, 0.0, scale}},
  };
  if (const auto found = known.find(init); found != known.end()) return found->second;
  std::string names;
  for (const auto& [name, value] : known) names += (names.empty() ? "" : ", ") + name;
  throw_field_error(path, type, "init must be one of " + names + "; got '" + init + "'");
}

void check_size(std::int64_t size, const char* field, const std::string& path, const std::string& type) {
  if (size >= 1 && size <= std::numeric_limits<std::int32_t>::max()) return;
  throw_field_error(path, type,
                    std::string(field) + " must be at least 1 and below 2^31, got " + std::to_string(size));
}

}  // namespace indrnn
