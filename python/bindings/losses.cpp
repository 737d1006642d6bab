// indrnn::losses on NumPy arrays.
#include "indrnn/losses.hpp"

#include <pybind11/pybind11.h>

#include "arrays.hpp"
#include "device_losses.hpp"
#include "interpreter.hpp"
#include "register.hpp"

namespace indrnn::python {

namespace {

py::tuple softmax_cross_entropy(py::handle logits_object, py::handle targets_object, py::handle mask_object,
                                py::handle out) {
  if (is_device_array(logits_object))
    return device_softmax_cross_entropy(logits_object, targets_object, mask_object, out);
  const char* operation = "softmax_cross_entropy";
  const py::array logits = float_array(logits_object, {operation, "logits"});
  const py::array targets = input_array(targets_object, {operation, "targets"}, DType::int64);
  const auto mask = optional_array(mask_object, {operation, "mask"}, DType::uint8);
  const Argument out_argument{operation, "out"};
  py::array gradient = output_array(out, out_argument, dtype_of_array(logits), shape_of(logits));
  const TensorView gradient_view = writable_view_of(gradient);
  const ConstTensorView logits_view = view_of(logits);
  if (gradient_view.data != logits_view.data) {
    require_apart(gradient_view, out_argument, logits_view, "a part of logits (all of it is allowed)");
  }
  require_apart(gradient_view, out_argument, view_of(targets), "targets");
  require_apart(gradient_view, out_argument, view_of(mask), "mask");
  const double loss = without_interpreter([&, targets_view = view_of(targets), mask_view = view_of(mask)] {
    return losses::softmax_cross_entropy(logits_view, targets_view, mask_view, gradient_view);
  });
  return py::make_tuple(loss, gradient);
}

py::tuple mean_squared_error(py::handle prediction_object, py::handle target_object, py::handle mask_object,
                             py::handle out) {
  if (is_device_array(prediction_object))
    return device_mean_squared_error(prediction_object, target_object, mask_object, out);
  const char* operation = "mean_squared_error";
  const Argument argument{operation, "y"};  // "prediction" in C++
  const py::array prediction = float_array(prediction_object, argument);
  if (prediction.ndim() == 0)
    throw py::value_error(argument.prefix() + " must have at least 1 dimension [..., F], got a scalar");
  const py::array target = input_array(target_object, {operation, "target"}, dtype_of_array(prediction));
  const auto mask = optional_array(mask_object, {operation, "mask"}, DType::uint8);
  const Argument out_argument{operation, "out"};
  py::array gradient = output_array(out, out_argument, dtype_of_array(prediction), shape_of(prediction));
  const TensorView gradient_view = writable_view_of(gradient);
  require_apart(gradient_view, out_argument, view_of(prediction), "y");
  require_apart(gradient_view, out_argument, view_of(target), "target");
  require_apart(gradient_view, out_argument, view_of(mask), "mask");
  const double loss = without_interpreter(
      [&, prediction_view = view_of(prediction), target_view = view_of(target), mask_view = view_of(mask)] {
        return losses::mean_squared_error(prediction_view, target_view, mask_view, gradient_view);
      });
  return py::make_tuple(loss, gradient);
}

}  // namespace

void register_losses(py::module_& module) {
  module.def("softmax_cross_entropy", &softmax_cross_entropy, py::arg("logits"), py::arg("targets"),
             py::arg("mask"), py::arg("out"));
  module.def("mean_squared_error", &mean_squared_error, py::arg("y"), py::arg("target"), py::arg("mask"),
             py::arg("out"));
}

}  // namespace indrnn::python
