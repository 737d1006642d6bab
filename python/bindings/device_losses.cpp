#include "device_losses.hpp"

#include <memory>
#include <optional>
#include <string>

#include "indrnn/error.hpp"

namespace indrnn::python {

namespace {

// Only an array that belongs to a network says on which device and in which queue to work.
const DeviceArray& own_array(py::handle object, const Argument& argument) {
  if (py::isinstance<DeviceArray>(object)) return object.cast<const DeviceArray&>();
  throw py::type_error(argument.prefix() +
                       " in device memory must be a DeviceArray, as a network's forward gives, got " +
                       std::string(py::str(py::type::handle_of(object).attr("__name__"))));
}

void require_shape(const Argument& argument, const Shape& shape, const Shape& wanted, const char* why) {
  if (shape == wanted) return;
  throw InvalidArgument(argument.prefix() + " must have shape " + wanted.to_string() + why + ", got " +
                        shape.to_string());
}

// [...] of [..., C].
Shape rows_of(const DeviceArray& array, const Argument& argument) {
  const Shape& shape = array.view.shape;
  if (shape.rank() < 1)
    throw InvalidArgument(argument.prefix() + " must have at least 1 dimension, got a scalar");
  Shape rows;
  for (int axis = 0; axis + 1 < shape.rank(); ++axis) rows.append(shape[axis]);
  return rows;
}

// An argument beside the prediction: taken where it lies, or copied to the device.
class Beside {
 public:
  Beside(DeviceInputs& inputs, py::handle object, const Argument& argument, DType dtype,
         const DeviceArray& like) {
    if (object.is_none()) return;
    if (is_device_array(object)) {
      view_ = inputs.take(object, argument, dtype);
      return;
    }
    host_ = input_array(object, argument, dtype);
    copy_ = new_device_array(like.network, dtype, shape_of(*host_));
    const void* from = host_->data();
    using_network(*like.network, argument.operation,
                  [&](Network&) { like.context()->upload(from, copy_.view.data, copy_.bytes()); });
    view_ = copy_.view;
  }
  const ConstTensorView& view() const { return view_; }
  const std::optional<py::array>& host() const { return host_; }  // nothing where it lies on the device

 private:
  std::optional<py::array> host_;
  DeviceArray copy_;
  ConstTensorView view_;
};

DeviceArray gradient_array(DeviceInputs& inputs, py::handle out, const Argument& argument,
                           const DeviceArray& like) {
  if (out.is_none()) return new_device_array(like.network, like.view.dtype, like.view.shape);
  const DeviceArray& array = own_array(out, argument);
  const ConstTensorView view = inputs.take(out, argument, like.view.dtype);
  require_shape(argument, view.shape, like.view.shape, "");
  return array;
}

double read_loss(const DeviceArray& loss, const char* operation) {
  double value = 0.0;
  using_network(*loss.network, operation,
                [&](Network&) { loss.context()->download(loss.view.data, &value, sizeof(value)); });
  return value;
}

}  // namespace

void check_targets(const char* operation, const py::array& targets, const std::optional<py::array>& mask,
                   std::int64_t classes) {
  const auto* values = static_cast<const std::int64_t*>(targets.data());
  const auto* counted = mask ? static_cast<const std::uint8_t*>(mask->data()) : nullptr;
  for (py::ssize_t row = 0; row < targets.size(); ++row) {
    if ((counted != nullptr && counted[row] == 0) || (values[row] >= 0 && values[row] < classes)) continue;
    throw InvalidArgument("[" + std::string(operation) + "] targets must be between 0 and " +
                          std::to_string(classes - 1) + ", got " + std::to_string(values[row]));
  }
}

py::tuple device_softmax_cross_entropy(py::handle logits_object, py::handle targets_object,
                                       py::handle mask_object, py::handle out) {
  const char* operation = "softmax_cross_entropy";
  const DeviceArray& logits = own_array(logits_object, {operation, "logits"});
  const Shape& shape = logits.view.shape;
  const Shape rows = rows_of(logits, {operation, "logits"});
  const std::int64_t classes = shape[shape.rank() - 1];
  DeviceInputs inputs(logits.network);
  const Beside targets(inputs, targets_object, {operation, "targets"}, DType::int64, logits);
  const Beside mask(inputs, mask_object, {operation, "mask"}, DType::uint8, logits);
  require_shape({operation, "targets"}, targets.view().shape, rows, " as logits without the classes");
  if (mask.view().given()) require_shape({operation, "mask"}, mask.view().shape, rows, " as targets");
  if (targets.host() && (!mask.view().given() || mask.host()))
    check_targets(operation, *targets.host(), mask.host(), classes);
  DeviceArray gradient = gradient_array(inputs, out, {operation, "out"}, logits);
  const DeviceArray loss = new_device_array(logits.network, DType::float64, {});
  using_network(*logits.network, operation, [&](Network&) {
    logits.context()->softmax_cross_entropy({.dtype = logits.view.dtype,
                                             .rows = rows.elements(),
                                             .classes = classes,
                                             .logits = logits.view.data,
                                             .targets = targets.view().as<std::int64_t>(),
                                             .mask = mask.view().as<std::uint8_t>(),
                                             .gradient = gradient.view.data,
                                             .loss = loss.view.as<double>()});
  });
  return py::make_tuple(read_loss(loss, operation), std::move(gradient));
}

py::tuple device_mean_squared_error(py::handle prediction_object, py::handle target_object,
                                    py::handle mask_object, py::handle out) {
  const char* operation = "mean_squared_error";
  const DeviceArray& prediction = own_array(prediction_object, {operation, "y"});
  const Shape& shape = prediction.view.shape;
  const Shape rows = rows_of(prediction, {operation, "y"});
  DeviceInputs inputs(prediction.network);
  const Beside target(inputs, target_object, {operation, "target"}, prediction.view.dtype, prediction);
  const Beside mask(inputs, mask_object, {operation, "mask"}, DType::uint8, prediction);
  require_shape({operation, "target"}, target.view().shape, shape, " as y");
  if (mask.view().given()) require_shape({operation, "mask"}, mask.view().shape, rows, " as the rows of y");
  DeviceArray gradient = gradient_array(inputs, out, {operation, "out"}, prediction);
  require_apart(gradient.view, {operation, "out"}, prediction.view, "y");
  require_apart(gradient.view, {operation, "out"}, target.view(), "target");
  const DeviceArray loss = new_device_array(prediction.network, DType::float64, {});
  using_network(*prediction.network, operation, [&](Network&) {
    prediction.context()->mean_squared_error({.dtype = prediction.view.dtype,
                                              .rows = rows.elements(),
                                              .features = shape[shape.rank() - 1],
                                              .prediction = prediction.view.data,
                                              .target = target.view().data,
                                              .mask = mask.view().as<std::uint8_t>(),
                                              .gradient = gradient.view.data,
                                              .loss = loss.view.as<double>()});
  });
  return py::make_tuple(read_loss(loss, operation), std::move(gradient));
}

}  // namespace indrnn::python
