// What must hold for any bytes given as a model file.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <span>

#include "indrnn/indrnn.hpp"

namespace indrnn::testing {

// Returns whether the bytes are a network; aborts when something does not hold.
inline bool try_model_file(std::span<const std::byte> file) {
  try {
    const Network network = Network::from_bytes(file);
    // What a file justifies: it has every parameter and buffer of the network.
    std::size_t bytes = 0;
    for (const auto* views : {&network.named_parameters(), &network.named_buffers()}) {
      for (const NamedView& named : *views)
        bytes += static_cast<std::size_t>(named.view.shape.elements()) * size_of(named.view.dtype);
    }
    if (bytes > file.size()) std::abort();
    const std::vector<std::byte> written = network.to_bytes();
    if (Network::from_bytes(written).to_bytes() != written) std::abort();
    return true;
  } catch (const InvalidArgument&) {
    return false;
  }
}

}  // namespace indrnn::testing
