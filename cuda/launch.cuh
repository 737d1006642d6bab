// The one way a kernel is launched.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "runtime/errors.hpp"

namespace indrnn::cuda {

struct Launch {
  const char* name;  // of the kernel, in messages and profiles
  dim3 grid, block;
  cudaStream_t stream;
  std::size_t shared_bytes = 0;
};

// Nothing is launched where the grid is empty.
template <class... Parameters, class... Arguments>
void launch(const Launch& how, void (*kernel)(Parameters...), const Arguments&... arguments) {
  if (how.grid.x == 0 || how.grid.y == 0 || how.grid.z == 0) return;
  cudaLaunchConfig_t config{};
  config.gridDim = how.grid;
  config.blockDim = how.block;
  config.dynamicSmemBytes = how.shared_bytes;
  config.stream = how.stream;
#ifndef __CUDACC__
  emulation::name_next_launch(how.name);
#endif
  check(cudaLaunchKernelEx(&config, kernel, Parameters(arguments)...), how.name);
}

inline std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

inline unsigned grid_size(std::int64_t threads, std::int64_t per_block) {
  return static_cast<unsigned>(divide_up(threads, per_block));
}

}  // namespace indrnn::cuda
