// Launching a kernel: cudaLaunchKernelEx and what the emulator must know about it.
#pragma once

#include <functional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include "emulation/runtime_api.hpp"

namespace emulation {

// Names the calling thread's next launch in messages and counters.
void name_next_launch(const char* name);

// Queues a launch; `thread` is the kernel called with its arguments.
cudaError_t enqueue_launch(const cudaLaunchConfig_t& config, const void* kernel,
                           std::function<void()> thread);

}  // namespace emulation

template <class... Parameters, class... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Parameters...),
                               Arguments&&... arguments) {
  // The arguments are copied now, as a real launch copies them.
  std::tuple<std::remove_cv_t<Parameters>...> copies(std::forward<Arguments>(arguments)...);
  return emulation::enqueue_launch(*config, reinterpret_cast<const void*>(kernel),
                                   [kernel, copies]() { std::apply(kernel, copies); });
}
