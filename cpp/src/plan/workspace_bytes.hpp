// The size of a part of a workspace, for every backend's plan.
#pragma once

#include <cstddef>
#include <limits>

#include "indrnn/error.hpp"

namespace indrnn {

// Product of sizes, or OutOfMemory where it is past any memory.
template <class... Sizes>
std::size_t workspace_bytes(Sizes... sizes) {
  std::size_t product = 1;
  for (std::size_t size : {static_cast<std::size_t>(sizes)...}) {
    if (size != 0 && product > std::numeric_limits<std::size_t>::max() / 8 / size) {
      throw OutOfMemory(
          "[network] the workspace for this time_steps, batch and width is larger than any memory");
    }
    product *= size;
  }
  return product;
}

}  // namespace indrnn
