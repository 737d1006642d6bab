#include "emulation/launch.hpp"

#include <map>

#include "block.hpp"
#include "failure.hpp"
#include "memory.hpp"
#include "options.hpp"
#include "runtime.hpp"

namespace emulation {
namespace {

constexpr unsigned most_threads = 1024;
constexpr std::size_t shared_bytes = 48U << 10U;
constexpr int shared_bytes_opt_in = 64 << 10;

constinit thread_local const char* next_name = nullptr;
std::uint64_t launches_made = 0;

// Kernels that asked for more dynamic shared memory than 48 KB.
std::map<const void*, std::size_t>& most_shared_bytes() {
  static std::map<const void*, std::size_t> instance;
  return instance;
}

std::size_t shared_limit(const void* kernel) {
  const auto found = most_shared_bytes().find(kernel);
  return found == most_shared_bytes().end() ? shared_bytes : found->second;
}

std::string problem_of(const cudaLaunchConfig_t& config, const void* kernel) {
  const dim3& grid = config.gridDim;
  const dim3& block = config.blockDim;
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return "an empty grid " + text(grid);
  if (grid.x > 0x7fffffffU || grid.y > 65535 || grid.z > 65535) return "too large a grid " + text(grid);
  if (block.x == 0 || block.y == 0 || block.z == 0) return "an empty block " + text(block);
  if (std::uint64_t{block.x} * block.y * block.z > most_threads || block.z > 64)
    return "too large a block " + text(block);
  if (config.dynamicSmemBytes > shared_limit(kernel)) {
    return std::to_string(config.dynamicSmemBytes) + " bytes of shared memory, allowed are " +
           std::to_string(shared_limit(kernel));
  }
  for (unsigned i = 0; i < config.numAttrs; ++i) {
    if (config.attrs[i].id == cudaLaunchAttributeCooperative && config.attrs[i].val.cooperative != 0) {
      return "a cooperative launch, which is not emulated";
    }
  }
  return "";
}

void run(Launch launch) {
  launch.number = ++launches_made;
  ++launch.counters->launches;
  const OpenDeviceMemory open(launch.device);
  if (options().threads == Threads::real) {
    run_on_real_threads(launch);
  } else {
    run_on_fibers(launch);
  }
  check_red_zones(launch.device, ("kernel " + launch.name).c_str());
}

}  // namespace

void name_next_launch(const char* name) { next_name = name; }

cudaError_t enqueue_launch(const cudaLaunchConfig_t& config, const void* kernel,
                           std::function<void()> thread) {
  const std::scoped_lock lock(runtime_mutex());
  const std::string name = next_name == nullptr ? "unnamed" : next_name;
  next_name = nullptr;
  if (const cudaError_t error = check_stream(config.stream); error != cudaSuccess) return error;
  if (launches_made >= options().fail_after)
    return failed(cudaErrorLaunchFailure, "injected: the device is lost");
  if (const std::string problem = problem_of(config, kernel); !problem.empty()) {
    return failed(cudaErrorInvalidConfiguration, "kernel " + name + ": " + problem);
  }
  const bool legacy = config.stream == nullptr || config.stream == cudaStreamLegacy;
  Launch launch{.name = name,
                .grid = config.gridDim,
                .block = config.blockDim,
                .shared_bytes = config.dynamicSmemBytes,
                .device = legacy ? current_device() : config.stream->device,
                .thread = std::move(thread),
                .counters = &counters()[name]};
  if (launch.device != current_device()) {
    return failed(cudaErrorInvalidResourceHandle,
                  "kernel " + name + ": the stream is not of the current device");
  }
  return enqueue(config.stream,
                 {Operation::Kind::kernel, [launch = std::move(launch)] { run(launch); }, nullptr});
}

cudaError_t set_function_attribute(const void* kernel, cudaFuncAttribute attribute, int value) {
  const std::scoped_lock lock(runtime_mutex());
  if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize) return cudaSuccess;
  if (value < 0 || value > shared_bytes_opt_in) {
    return failed(cudaErrorInvalidValue, std::to_string(value) + " bytes of shared memory per block");
  }
  most_shared_bytes()[kernel] = static_cast<std::size_t>(value);
  return cudaSuccess;
}

cudaError_t get_function_attributes(cudaFuncAttributes* attributes, const void* kernel) {
  const std::scoped_lock lock(runtime_mutex());
  *attributes = {};
  attributes->maxDynamicSharedSizeBytes = static_cast<int>(shared_limit(kernel));
  attributes->maxThreadsPerBlock = most_threads;
  attributes->numRegs = 32;
  return cudaSuccess;
}

cudaError_t blocks_per_multiprocessor(int* blocks, int block_threads, std::size_t dynamic_bytes) {
  if (block_threads < 1 || block_threads > static_cast<int>(most_threads))
    return failed(cudaErrorInvalidValue);
  *blocks = static_cast<int>(most_threads) / block_threads;
  if (dynamic_bytes > 0)
    *blocks = std::min(*blocks, static_cast<int>(std::size_t{shared_bytes_opt_in} / dynamic_bytes));
  return cudaSuccess;
}

}  // namespace emulation
