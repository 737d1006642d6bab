// How a DeviceArray shows itself to CuPy, PyTorch, JAX and others.
#pragma once

#include "device_array.hpp"

namespace indrnn::python {

// Version 3 of the protocol: its "stream" is where the consumer must wait before it reads.
py::dict cuda_array_interface(const DeviceArray& array);

py::tuple dlpack_device(const DeviceArray& array);
// `stream` is where the consumer will work: it is made to wait for what is under way. None is the legacy stream, -1 asks
// for no waiting.
py::capsule dlpack_capsule(const DeviceArray& array, const py::object& stream, const py::object& max_version,
                           const py::object& dl_device, const py::object& copy);

}  // namespace indrnn::python
