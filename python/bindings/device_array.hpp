// Arrays in the memory of a GPU: what a network there holds and gives out, and what callers give without a copy.
#pragma once

#include <memory>

#include "arrays.hpp"
#include "backend/device_context.hpp"
#include "shared_network.hpp"

namespace indrnn::python {

// Bound as DeviceArray. C-contiguous, in the memory of the network's device, used in the order of its queue.
struct DeviceArray {
  std::shared_ptr<SharedNetwork> network;
  std::shared_ptr<void> memory;  // nullptr: the network owns it
  TensorView view;

  std::shared_ptr<DeviceContext> context() const { return network->network.context(); }
  std::size_t bytes() const { return static_cast<std::size_t>(view.shape.elements()) * size_of(view.dtype); }
};

// A new one on the device of `network`, to be written.
DeviceArray new_device_array(const std::shared_ptr<SharedNetwork>& network, DType dtype, const Shape& shape);

// What a network or an optimizer owns: a NumPy view that keeps `owner` alive, or a DeviceArray.
py::object owned_array(const std::shared_ptr<SharedNetwork>& network, const TensorView& view,
                       py::handle owner);

// Whether an object lies in device memory: a DeviceArray, or another that says so by DLPack or __cuda_array_interface__.
bool is_device_array(py::handle object);

// What one call takes from device memory, kept alive until the work is done that the network was given before this goes.
class DeviceInputs {
 public:
  explicit DeviceInputs(const std::shared_ptr<SharedNetwork>& network);
  ~DeviceInputs();
  DeviceInputs(const DeviceInputs&) = delete;
  DeviceInputs& operator=(const DeviceInputs&) = delete;

  // The memory behind an object that `is_device_array`. Work that is given to the network from now on finds it written.
  // Throws unless dtype, rank and device fit and it is C-contiguous.
  ConstTensorView take(py::handle object, const Argument& argument, DType dtype);

 private:
  std::shared_ptr<SharedNetwork> network_;
  Borrowed::Objects objects_;
};

// Lets go of what calls took from device memory whose work is done; waits for nothing.
void release_inputs(SharedNetwork& network);

// Reads a device array into a new NumPy array; waits.
py::array to_numpy(const DeviceArray& array);

void register_device_array(py::module_& module);

}  // namespace indrnn::python
