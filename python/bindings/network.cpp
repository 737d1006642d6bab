// indrnn::Network: forward, backward, step, and views of its buffers.
#include "indrnn/network.hpp"

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <string>

#include "any_state.hpp"
#include "apart.hpp"
#include "arrays.hpp"
#include "device_network.hpp"
#include "indrnn/error.hpp"
#include "model_file.hpp"
#include "reduction.hpp"
#include "register.hpp"
#include "shared_network.hpp"

namespace indrnn::python {

namespace {

std::shared_ptr<SharedNetwork> from_json(const std::string& json, const std::string& device,
                                         std::uint64_t seed, const std::string& memory) {
  return without_interpreter(
      [&] { return std::make_shared<SharedNetwork>(Network::from_json(json, device, seed, memory)); });
}

DType input_dtype(const Network& network) {
  return network.takes_indices() ? DType::int64 : network.options().dtype;
}

py::tuple forward(const std::shared_ptr<SharedNetwork>& held_network, py::handle x_object,
                  py::handle state_object, py::handle lengths_object, bool training, bool keep,
                  py::handle resets_object, py::handle out) {
  if (on_device(*held_network, x_object)) {
    return device_forward(held_network, x_object, state_object, lengths_object, training, keep, resets_object,
                          out);
  }
  SharedNetwork& shared = *held_network;
  Network& network = shared.network;
  const char* letters = network.takes_indices() ? "[T, B]" : "[T, B, I]";
  const py::array x = input_array(x_object, {"forward", "x", letters}, input_dtype(network));
  const std::int64_t time_steps = x.shape(0);
  const std::int64_t batch = x.shape(1);
  const auto lengths = optional_lengths(lengths_object, {"forward", "lengths", "[B]"}, time_steps);
  const auto resets = optional_array(resets_object, {"forward", "resets", "[T, B]"}, DType::uint8);
  const Argument out_argument{"forward", "out"};
  py::array y =
      output_array(out, out_argument, network.options().dtype, network.output_shape(time_steps, batch));
  const TensorView y_view = writable_view_of(y);
  require_apart(y_view, out_argument, view_of(x), "x");
  require_apart(y_view, out_argument, view_of(lengths), "lengths");
  require_apart(y_view, out_argument, view_of(resets), "resets");
  require_apart_from_network(y_view, out_argument, network);

  const AnyState before = state_of(state_object, shared, {"forward", "state"}, batch);
  require_apart_from_state(y_view, out_argument, before);
  AnyState after;
  const ForwardOptions options{training, keep, view_of(lengths), view_of(resets)};
  const ConstTensorView x_view = view_of(x);
  using_network(shared, "forward", [&](Network& held) {
    after = copy_of(before, held);
    with_state(after, [&](auto& state) { held.forward(x_view, y_view, state, options); });
    // Should it fail on the way, the engine itself refuses the backward that `kept` still seems to allow.
    if (training || keep) shared.kept = KeptForward{time_steps, batch};
  });
  return py::make_tuple(y, object_of(after));
}

// Gradients of the input (None unless wanted) and of the initial state.
py::tuple backward(const std::shared_ptr<SharedNetwork>& held_network, py::handle dy_object,
                   py::handle dstate_object, bool input_gradient) {
  if (on_device(*held_network, dy_object)) {
    return device_backward(held_network, dy_object, dstate_object, input_gradient);
  }
  SharedNetwork& shared = *held_network;
  Network& network = shared.network;
  const auto kept = kept_forward(shared);
  const Shape shape = network.output_shape(kept->time_steps, kept->batch);
  const Argument argument{"backward", "dy", shape.rank() == 2 ? "[B, O]" : "[T, B, O]"};
  py::array dy = input_array(dy_object, argument, network.options().dtype);
  if (!(shape_of(dy) == shape)) {
    throw InvalidArgument("[backward] dy must have the shape of the last output " + shape.to_string() +
                          ", got " + shape_of(dy).to_string());
  }
  dy = apart_from(dy, network.gradients());

  py::object dx = py::none();
  TensorView dx_view;
  if (input_gradient && !network.takes_indices()) {
    py::array array = new_array(network.options().dtype,
                                Shape{kept->time_steps, kept->batch, network.options().input_size});
    dx_view = writable_view_of(array);
    dx = array;
  }
  const AnyState dstate = state_of(dstate_object, shared, {"backward", "dstate"}, kept->batch);
  return py::make_tuple(dx, object_of(run_backward(shared, *kept, view_of(dy), dx_view, dstate)));
}

// Updates the given state, or a new one, and returns it behind y.
py::tuple step(const std::shared_ptr<SharedNetwork>& held_network, py::handle x_object,
               py::handle state_object, py::handle out) {
  if (on_device(*held_network, x_object)) return device_step(held_network, x_object, state_object, out);
  SharedNetwork& shared = *held_network;
  Network& network = shared.network;
  const char* letters = network.takes_indices() ? "[B]" : "[B, I]";
  const py::array given = input_array(x_object, {"step", "x", letters}, input_dtype(network));
  const AnyState state = state_of(state_object, shared, {"step", "state"}, given.shape(0));
  ConstTensorView state_view;  // on the host
  if (const auto* host = std::get_if<std::shared_ptr<State>>(&state)) state_view = (*host)->flat.view();
  const py::array x = apart_from(given, state_view);
  const Shape sequence = network.output_shape(1, x.shape(0));
  const Argument out_argument{"step", "out"};
  py::array y = output_array(out, out_argument, network.options().dtype,
                             Shape{sequence[sequence.rank() - 2], sequence[sequence.rank() - 1]});
  const TensorView y_view = writable_view_of(y);
  require_apart(y_view, out_argument, view_of(x), "x");
  require_apart_from_state(y_view, out_argument, state);
  require_apart_from_network(y_view, out_argument, network);
  const ConstTensorView x_view = view_of(x);
  using_network(shared, "step", [&](Network& held) {
    with_state(state, [&](auto& each) { held.step(x_view, y_view, each); });
  });
  return py::make_tuple(y, object_of(state));
}

std::shared_ptr<SharedNetwork> shared_of(const py::object& self) {
  return self.cast<std::shared_ptr<SharedNetwork>>();
}

py::dict views_by_name(const std::vector<NamedView>& views, const py::object& self) {
  py::dict result;
  for (const NamedView& named : views)
    result[py::str(named.name)] = owned_array(shared_of(self), named.view, self);
  return result;
}

Network& network_of(const py::object& self) { return self.cast<SharedNetwork&>().network; }

void register_views(SharedNetworkClass& network) {
  network
      .def_property_readonly("parameters",
                             [](const py::object& self) {
                               return owned_array(shared_of(self), network_of(self).parameters(), self);
                             })
      .def_property_readonly("gradients",
                             [](const py::object& self) {
                               return owned_array(shared_of(self), network_of(self).gradients(), self);
                             })
      .def("named_parameters",
           [](const py::object& self) { return views_by_name(network_of(self).named_parameters(), self); })
      .def("named_gradients",
           [](const py::object& self) { return views_by_name(network_of(self).named_gradients(), self); })
      .def("named_buffers",
           [](const py::object& self) { return views_by_name(network_of(self).named_buffers(), self); });
}

void register_properties(SharedNetworkClass& network) {
  network.def("to_json", [](const SharedNetwork& self) { return self.network.to_json(); })
      .def_property_readonly("input_size",
                             [](const SharedNetwork& self) { return self.network.options().input_size; })
      .def_property_readonly(
          "dtype", [](const SharedNetwork& self) { return numpy_dtype(self.network.options().dtype); })
      .def_property_readonly("device",
                             [](const SharedNetwork& self) { return self.network.options().device; })
      .def_property_readonly("memory",
                             [](const SharedNetwork& self) { return self.network.options().memory; })
      .def_property_readonly("storage", [](const SharedNetwork& self) { return self.network.storage(); })
      .def(
          "set_storage",
          [](SharedNetwork& self, const std::string& storage) {
            using_network(self, "Network", [&](Network& network) { network.set_storage(storage); });
          },
          py::arg("storage"))
      .def_property_readonly("takes_indices",
                             [](const SharedNetwork& self) { return self.network.takes_indices(); })
      .def(
          "output_shape",
          [](const SharedNetwork& self, std::int64_t time_steps, std::int64_t batch) {
            const Shape shape = self.network.output_shape(time_steps, batch);
            py::list sizes;
            for (int axis = 0; axis < shape.rank(); ++axis) sizes.append(shape[axis]);
            return py::tuple(sizes);
          },
          py::arg("time_steps"), py::arg("batch"));
}

}  // namespace

void register_network(py::module_& module) {
  SharedNetworkClass network(module, "Network");
  register_model_file(module, network);
  register_properties(network);
  register_views(network);
  network
      .def_static("from_json", &from_json, py::arg("json"), py::arg("device"), py::arg("seed"),
                  py::arg("memory"))
      .def(
          "initial_state",
          [](const SharedNetwork& self, std::int64_t batch) {
            return std::make_shared<State>(self.network.initial_state(batch));
          },
          py::arg("batch"))
      .def("forward", &forward, py::arg("x"), py::arg("state"), py::arg("lengths"), py::arg("training"),
           py::arg("keep"), py::arg("resets"), py::arg("out"))
      .def("backward", &backward, py::arg("dy"), py::arg("dstate"), py::arg("input_gradient"))
      .def("step", &step, py::arg("x"), py::arg("state"), py::arg("out"))
      .def("synchronize", &synchronize)
      .def("wait_for", &wait_for, py::arg("stream"))
      .def("let_wait", &let_wait, py::arg("stream"))
      .def("zero_gradients",
           [](SharedNetwork& self) {
             using_network(self, "zero_gradients", [](Network& held) { held.zero_gradients(); });
           })
      .def_property_readonly("random_state",
                             [](SharedNetwork& self) {
                               return using_network(self, "random_state",
                                                    [](Network& held) { return held.random_state(); });
                             })
      .def(
          "set_random_state",
          [](SharedNetwork& self, std::uint64_t seed, std::uint64_t forwards) {
            using_network(self, "random_state",
                          [&](Network& held) { held.set_random_state(seed, forwards); });
          },
          py::arg("seed"), py::arg("forwards"))
      .def_property_readonly("first_sample",
                             [](SharedNetwork& self) {
                               return using_network(self, "first_sample",
                                                    [](Network& held) { return held.first_sample(); });
                             })
      .def(
          "set_first_sample",
          [](SharedNetwork& self, std::int64_t index) {
            using_network(self, "set_first_sample", [&](Network& held) { held.set_first_sample(index); });
          },
          py::arg("index"))
      .def(
          "set_reduction",
          [](SharedNetwork& self, const py::object& function) {
            Reduction reduction = reduction_of(function);
            using_network(self, "set_reduction", [&](Network& held) {
              self.has_reduction = static_cast<bool>(reduction);
              held.set_reduction(std::move(reduction));
            });
          },
          py::arg("function").none(true))
      .def(
          "workspace_bytes",
          [](SharedNetwork& self, std::int64_t time_steps, std::int64_t batch, bool training, bool keep) {
            return using_network(self, "workspace_bytes", [&](Network& held) {
              return held.workspace_bytes(time_steps, batch, training, keep);
            });
          },
          py::arg("time_steps"), py::arg("batch"), py::arg("training"), py::arg("keep"))
      .def(
          "describe_plan",
          [](SharedNetwork& self, std::int64_t time_steps, std::int64_t batch, bool training) {
            return using_network(self, "describe_plan", [&](Network& held) {
              return held.describe_plan(time_steps, batch, training);
            });
          },
          py::arg("time_steps"), py::arg("batch"), py::arg("training"));
}

}  // namespace indrnn::python
