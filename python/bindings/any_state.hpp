// The hidden states that Python gives and gets: a State on the host, or a DeviceState in the memory of a GPU.
#pragma once

#include <cstdint>
#include <memory>
#include <variant>
#include <vector>

#include "device_array.hpp"

namespace indrnn::python {

// Bound as DeviceState, and used in the order of its network's queue.
struct SharedDeviceState {
  std::shared_ptr<SharedNetwork> network;
  std::shared_ptr<DeviceState> state;

  DeviceState& operator*() const { return *state; }
  DeviceArray flat() const { return {network, state->memory, state->flat}; }
};

using AnyState = std::variant<std::shared_ptr<State>, SharedDeviceState>;

// What was given; for None a zero State. Throws for a DeviceState of another network.
AnyState state_of(py::handle object, SharedNetwork& network, const Argument& argument, std::int64_t batch);

// An independent copy; while `held` is the network in use.
AnyState copy_of(const AnyState& state, const Network& held);

// Of all entries one member: names or features.
template <class Member>
std::vector<Member> of_entries(const std::vector<State::Entry>& entries, Member State::Entry::* member) {
  std::vector<Member> result;
  for (const State::Entry& entry : entries) result.push_back(entry.*member);
  return result;
}

// Throws, with the name of the class, for a negative count.
std::int64_t checked_steps(const char* owner, std::int64_t steps);

// use(State&) or use(DeviceState&).
template <class Use>
void with_state(const AnyState& state, Use&& use) {
  std::visit([&](const auto& held) { use(*held); }, state);
}

py::object object_of(const AnyState& state);

// The backward of the forward `kept`; gives the gradient of its initial state, of the kind of `dstate`, which stays.
AnyState run_backward(SharedNetwork& shared, const KeptForward& kept, ConstTensorView dy, TensorView dx,
                      const AnyState& dstate);

}  // namespace indrnn::python
