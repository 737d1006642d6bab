// indrnn::ops on NumPy arrays.
#include "indrnn/ops.hpp"

#include <pybind11/pybind11.h>

#include <string>

#include "arrays.hpp"
#include "interpreter.hpp"
#include "register.hpp"

namespace indrnn::python {

namespace {

py::array forward(py::handle z_object, py::handle u_object, py::handle h0_object,
                  const std::string& activation, py::handle lengths_object, py::handle out) {
  const char* operation = "indrnn_forward";
  const py::array z = float_array(z_object, {operation, "z", "[T, B, H]"});
  const DType dtype = dtype_of_array(z);
  const py::array u = input_array(u_object, {operation, "u", "[H]"}, dtype);
  const auto h0 = optional_array(h0_object, {operation, "h0", "[B, H]"}, dtype);
  const auto lengths = optional_lengths(lengths_object, {operation, "lengths", "[B]"}, z.shape(0));
  const Argument out_argument{operation, "out"};
  py::array h = output_array(out, out_argument, dtype, shape_of(z));
  const TensorView h_view = writable_view_of(h);
  const ConstTensorView z_view = view_of(z);
  if (h_view.data != z_view.data)
    require_apart(h_view, out_argument, z_view, "a part of z (all of z is allowed)");
  require_apart(h_view, out_argument, view_of(u), "u");
  require_apart(h_view, out_argument, view_of(h0), "h0");
  without_interpreter([&, u_view = view_of(u), h0_view = view_of(h0), lengths_view = view_of(lengths)] {
    ops::indrnn_forward(z_view, u_view, h0_view, lengths_view, activation, h_view);
  });
  return h;
}

py::tuple backward(py::handle dh_object, py::handle h_object, py::handle u_object, py::handle h0_object,
                   const std::string& activation, py::handle lengths_object) {
  const char* operation = "indrnn_backward";
  const py::array h = float_array(h_object, {operation, "h", "[T, B, H]"});
  const DType dtype = dtype_of_array(h);
  const py::array dh = input_array(dh_object, {operation, "dh", "[T, B, H]"}, dtype);
  const py::array u = input_array(u_object, {operation, "u", "[H]"}, dtype);
  const auto h0 = optional_array(h0_object, {operation, "h0", "[B, H]"}, dtype);
  const auto lengths = optional_lengths(lengths_object, {operation, "lengths", "[B]"}, h.shape(0));
  py::array dz = new_array(dtype, shape_of(h));
  py::array du = new_array(dtype, Shape{h.shape(2)});
  py::array dh0 = new_array(dtype, Shape{h.shape(1), h.shape(2)});
  without_interpreter([&, dh_view = view_of(dh), h_view = view_of(h), u_view = view_of(u),
                       h0_view = view_of(h0), lengths_view = view_of(lengths), dz_view = writable_view_of(dz),
                       du_view = writable_view_of(du), dh0_view = writable_view_of(dh0)] {
    ops::indrnn_backward(dh_view, h_view, u_view, h0_view, lengths_view, activation, dz_view, du_view,
                         dh0_view);
  });
  return py::make_tuple(dz, du, dh0);
}

}  // namespace

void register_ops(py::module_& module) {
  module.def("indrnn_forward", &forward, py::arg("z"), py::arg("u"), py::arg("h0"), py::arg("activation"),
             py::arg("lengths"), py::arg("out"));
  module.def("indrnn_backward", &backward, py::arg("dh"), py::arg("h"), py::arg("u"), py::arg("h0"),
             py::arg("activation"), py::arg("lengths"));
}

}  // namespace indrnn::python
