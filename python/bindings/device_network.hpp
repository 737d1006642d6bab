// Calls of a network with arrays in device memory: they are read where they lie, results stay on the device, and nothing
// waits unless a State on the host is read.
#pragma once

#include <cstdint>
#include <memory>

#include "device_array.hpp"
#include "indrnn/network.hpp"

namespace indrnn::python {

// Whether an argument lies in device memory and the network can take it there; throws if it is on the CPU.
bool on_device(const SharedNetwork& shared, py::handle object);

py::tuple device_forward(const std::shared_ptr<SharedNetwork>& shared, py::handle x, py::handle state,
                         py::handle lengths, bool training, bool keep, py::handle resets, py::handle out);
py::tuple device_backward(const std::shared_ptr<SharedNetwork>& shared, py::handle dy, py::handle dstate,
                          bool input_gradient);
py::tuple device_step(const std::shared_ptr<SharedNetwork>& shared, py::handle x, py::handle state,
                      py::handle out);

// Waits for all that the network was given, and lets go of what calls took from device memory. On the CPU nothing is left.
void synchronize(SharedNetwork& shared);
// Orders the network's queue behind another stream, and another stream behind the queue: cudaStream_t as a number.
void wait_for(SharedNetwork& shared, std::uintptr_t stream);
void let_wait(SharedNetwork& shared, std::uintptr_t stream);

}  // namespace indrnn::python
