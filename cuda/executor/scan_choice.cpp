#include "executor/scan_choice.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>

namespace indrnn::cuda {
namespace {

constexpr double threads_per_multiprocessor = 512;
constexpr double work_of_a_chunk = 2.5;
constexpr double launches = 250;
constexpr std::int64_t most_chunks = 4096;

}  // namespace

std::int64_t choose_chunks(const Sizes& sizes, std::int64_t steps, std::int64_t columns) {
  if (sizes.scan == ScanPolicy::never || steps < 2 || columns == 0) return 1;
  const double time = static_cast<double>(steps), width = static_cast<double>(columns);
  const double full = threads_per_multiprocessor * sizes.multiprocessors;
  const auto best = static_cast<std::int64_t>(std::sqrt(work_of_a_chunk * time));
  if (sizes.scan == ScanPolicy::always)
    return std::clamp<std::int64_t>(best, 2, std::min(steps, most_chunks));

  const auto room =
      static_cast<std::int64_t>(full / width);  // more threads than the device runs gain nothing
  const std::int64_t chunks = std::min({best, room, most_chunks});
  if (chunks < 2) return 1;
  const double sequential = time * std::max(1.0, width / full);
  const double parallel =
      work_of_a_chunk * time / static_cast<double>(chunks) + static_cast<double>(chunks) + launches;
  return parallel < sequential ? chunks : 1;
}

ScanPolicy scan_policy_of_environment() {
  const char* wanted = std::getenv("INDRNN_CUDA_SCAN");
  if (wanted == nullptr) return ScanPolicy::by_cost;
  if (std::string(wanted) == "never") return ScanPolicy::never;
  if (std::string(wanted) == "always") return ScanPolicy::always;
  return ScanPolicy::by_cost;
}

}  // namespace indrnn::cuda
