// Results of a call must not be written over what it reads, or over what the network keeps.
#pragma once

#include "any_state.hpp"
#include "arrays.hpp"
#include "indrnn/network.hpp"

namespace indrnn::python {

inline void require_apart_from_network(const ConstTensorView& out, const Argument& argument,
                                       Network& network) {
  require_apart(out, argument, network.parameters(), "the network's parameters");
  require_apart(out, argument, network.gradients(), "the network's gradients");
  for (const NamedView& buffer : network.named_buffers())
    require_apart(out, argument, buffer.view, "the network's running statistics");
}

inline void require_apart_from_state(const ConstTensorView& out, const Argument& argument,
                                     const AnyState& state) {
  if (const auto* host = std::get_if<std::shared_ptr<State>>(&state)) {
    require_apart(out, argument, (*host)->flat.view(), "the state");
  } else {
    require_apart(out, argument, std::get<SharedDeviceState>(state).state->flat, "the state");
  }
}

}  // namespace indrnn::python
