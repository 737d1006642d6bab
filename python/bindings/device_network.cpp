#include "device_network.hpp"

#include <optional>
#include <string>

#include "any_state.hpp"
#include "apart.hpp"
#include "indrnn/error.hpp"

namespace indrnn::python {

namespace {

DType input_dtype(const Network& network) {
  return network.takes_indices() ? DType::int64 : network.options().dtype;
}

// `out` itself when it can be written, a new array for None.
DeviceArray device_output(const std::shared_ptr<SharedNetwork>& shared, DeviceInputs& inputs, py::handle out,
                          const char* operation, const Shape& shape) {
  const DType dtype = shared->network.options().dtype;
  if (out.is_none()) return new_device_array(shared, dtype, shape);
  const Argument argument{operation, "out"};
  if (!py::isinstance<DeviceArray>(out)) {
    throw py::type_error(argument.prefix() + " must be a DeviceArray, as x is in device memory, got " +
                         std::string(py::str(py::type::handle_of(out).attr("__name__"))));
  }
  auto array = out.cast<DeviceArray>();
  const ConstTensorView view = inputs.take(out, argument, dtype);
  if (!(view.shape == shape)) {
    throw py::value_error(argument.prefix() + " must have shape " + shape.to_string() + ", got " +
                          view.shape.to_string());
  }
  require_apart_from_network(array.view, argument, shared->network);
  return array;
}

// Lengths or resets: in host memory they are checked here, in device memory they are taken as they are.
struct Optional {
  std::optional<py::array> host;
  ConstTensorView view;
};

Optional lengths_of(py::handle object, DeviceInputs& inputs, std::int64_t time_steps) {
  const Argument argument{"forward", "lengths", "[B]"};
  if (is_device_array(object)) return {std::nullopt, inputs.take(object, argument, DType::int64)};
  auto host = optional_lengths(object, argument, time_steps);
  const ConstTensorView view = view_of(host);
  return {std::move(host), view};
}

Optional resets_of(py::handle object, DeviceInputs& inputs) {
  const Argument argument{"forward", "resets", "[T, B]"};
  if (is_device_array(object)) return {std::nullopt, inputs.take(object, argument, DType::uint8)};
  auto host = optional_array(object, argument, DType::uint8);
  const ConstTensorView view = view_of(host);
  return {std::move(host), view};
}

void require_device(const SharedNetwork& shared, const std::string& operation) {
  if (shared.network.context() != nullptr) return;
  throw py::value_error("[" + operation + "] the network must be on a CUDA device, got one on " +
                        shared.network.options().device);
}

}  // namespace

bool on_device(const SharedNetwork& shared, py::handle object) {
  if (!is_device_array(object)) return false;
  if (shared.network.context() != nullptr) return true;
  throw py::type_error("the array lies in device memory, and the network is on " +
                       shared.network.options().device +
                       ": copy it to the host first, as DeviceArray.numpy() does");
}

py::tuple device_forward(const std::shared_ptr<SharedNetwork>& shared, py::handle x_object,
                         py::handle state_object, py::handle lengths_object, bool training, bool keep,
                         py::handle resets_object, py::handle out) {
  const Network& network = shared->network;
  const char* letters = network.takes_indices() ? "[T, B]" : "[T, B, I]";
  DeviceInputs inputs(shared);
  const ConstTensorView x = inputs.take(x_object, {"forward", "x", letters}, input_dtype(network));
  const std::int64_t time_steps = x.shape[0];
  const std::int64_t batch = x.shape[1];
  const Optional lengths = lengths_of(lengths_object, inputs, time_steps);
  const Optional resets = resets_of(resets_object, inputs);
  DeviceArray y = device_output(shared, inputs, out, "forward", network.output_shape(time_steps, batch));
  require_apart(y.view, {"forward", "out"}, x, "x");
  require_apart(y.view, {"forward", "out"}, lengths.view, "lengths");
  require_apart(y.view, {"forward", "out"}, resets.view, "resets");
  const AnyState before = state_of(state_object, *shared, {"forward", "state"}, batch);
  require_apart_from_state(y.view, {"forward", "out"}, before);
  AnyState after;
  using_network(*shared, "forward", [&](Network& held) {
    after = copy_of(before, held);
    with_state(after, [&](auto& state) {
      held.forward(x, y.view, state, {training, keep, lengths.view, resets.view});
    });
    if (training || keep) shared->kept = KeptForward{time_steps, batch};
  });
  return py::make_tuple(std::move(y), object_of(after));
}

py::tuple device_backward(const std::shared_ptr<SharedNetwork>& shared, py::handle dy_object,
                          py::handle dstate_object, bool input_gradient) {
  const Network& network = shared->network;
  const DType dtype = network.options().dtype;
  const auto kept = kept_forward(*shared);
  const Shape shape = network.output_shape(kept->time_steps, kept->batch);
  const Argument argument{"backward", "dy", shape.rank() == 2 ? "[B, O]" : "[T, B, O]"};
  DeviceInputs inputs(shared);
  const ConstTensorView dy = inputs.take(dy_object, argument, dtype);
  if (!(dy.shape == shape)) {
    throw InvalidArgument("[backward] dy must have the shape of the last output " + shape.to_string() +
                          ", got " + dy.shape.to_string());
  }
  py::object dx = py::none();
  TensorView dx_view;
  if (input_gradient && !network.takes_indices()) {
    DeviceArray array =
        new_device_array(shared, dtype, {kept->time_steps, kept->batch, network.options().input_size});
    dx_view = array.view;
    dx = py::cast(std::move(array));
  }
  const AnyState dstate = state_of(dstate_object, *shared, {"backward", "dstate"}, kept->batch);
  return py::make_tuple(dx, object_of(run_backward(*shared, *kept, dy, dx_view, dstate)));
}

py::tuple device_step(const std::shared_ptr<SharedNetwork>& shared, py::handle x_object,
                      py::handle state_object, py::handle out) {
  const Network& network = shared->network;
  const char* letters = network.takes_indices() ? "[B]" : "[B, I]";
  DeviceInputs inputs(shared);
  const ConstTensorView x = inputs.take(x_object, {"step", "x", letters}, input_dtype(network));
  const std::int64_t batch = x.shape[0];
  const AnyState state = state_of(state_object, *shared, {"step", "state"}, batch);
  const Shape sequence = network.output_shape(1, batch);
  DeviceArray y = device_output(shared, inputs, out, "step",
                                {sequence[sequence.rank() - 2], sequence[sequence.rank() - 1]});
  require_apart(y.view, {"step", "out"}, x, "x");
  require_apart_from_state(y.view, {"step", "out"}, state);
  using_network(*shared, "step",
                [&](Network& held) { with_state(state, [&](auto& each) { held.step(x, y.view, each); }); });
  return py::make_tuple(std::move(y), object_of(state));
}

void synchronize(SharedNetwork& shared) {
  if (shared.network.context() == nullptr) return;
  Borrowed::Objects before, after;  // let go of behind the call, with the interpreter lock
  using_network(shared, "synchronize", [&](Network& held) {
    DeviceContext& context = *held.context();
    before = shared.borrowed.done(context);  // which marks the rest
    context.synchronize();
    after = shared.borrowed.done(context);
  });
}

void wait_for(SharedNetwork& shared, std::uintptr_t stream) {
  require_device(shared, "wait_for");
  using_network(shared, "wait_for",
                [&](Network& held) { held.context()->wait_for(reinterpret_cast<void*>(stream)); });
}

void let_wait(SharedNetwork& shared, std::uintptr_t stream) {
  require_device(shared, "let_wait");
  using_network(shared, "let_wait",
                [&](Network& held) { held.context()->let_wait(reinterpret_cast<void*>(stream)); });
}

}  // namespace indrnn::python
