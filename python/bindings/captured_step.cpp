// A training step on a GPU as one CUDA graph: it takes a batch into its buffers, and gives the device the whole step.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "any_state.hpp"
#include "backend/training_step.hpp"
#include "device_array.hpp"
#include "device_losses.hpp"
#include "indrnn/error.hpp"
#include "register.hpp"
#include "shared_optimizer.hpp"

namespace indrnn::python {

namespace {

constexpr const char* operation = "CapturedStep";

// What one argument of a call holds: read from the host, or where it lies on the device.
struct Given {
  std::optional<py::array> host;
  ConstTensorView view;
};

class CapturedStep {
 public:
  CapturedStep(const py::object& optimizer, const std::string& loss, std::optional<double> clip_value,
               std::optional<double> clip_norm, std::optional<double> recurrent_bound,
               const std::optional<SharedDeviceState>& state)
      : holder_(optimizer) {
    if (py::isinstance<SharedAdam>(optimizer)) {
      auto& adam = optimizer.cast<SharedAdam&>();
      shared_ = adam.shared;
      optimizer_ = &adam.optimizer;
    } else {
      auto& sgd = optimizer.cast<SharedSgd&>();
      shared_ = sgd.shared;
      optimizer_ = &sgd.optimizer;
    }
    if (shared_->network.context() == nullptr) {
      throw py::value_error(
          "[CapturedStep] optimizer must be that of a network on a CUDA device, got one on " +
          shared_->network.options().device);
    }
    options_.loss =
        loss == "mean_squared_error" ? StepLoss::mean_squared_error : StepLoss::softmax_cross_entropy;
    options_.clip_value = clip_value;
    options_.clip_norm = clip_norm;
    options_.recurrent_bound = recurrent_bound;
    if (!state) return;
    if (state->network != shared_)
      throw py::value_error("[CapturedStep] state must be a DeviceState of the optimizer's network");
    options_.state = state->state;
  }

  std::pair<double, double> run(py::handle x_object, py::handle targets_object, py::handle mask_object,
                                py::handle lengths_object) {
    const Network& network = shared_->network;
    const bool indices = network.takes_indices();
    const DType dtype = network.options().dtype;
    const bool classes = options_.loss == StepLoss::softmax_cross_entropy;
    DeviceInputs inputs(shared_);
    const Given x = take(inputs, x_object, {operation, "x", indices ? "[T, B]" : "[T, B, I]"},
                         indices ? DType::int64 : dtype);
    const Given targets =
        take(inputs, targets_object, {operation, "targets"}, classes ? DType::int64 : dtype);
    const Given mask = take_optional(inputs, mask_object, {operation, "mask"}, DType::uint8);
    const Given lengths = take_lengths(inputs, lengths_object, x.view.shape[0]);
    const std::shared_ptr<TrainingStep> step = step_for(x.view, mask.view.given(), lengths.view.given());
    require_shape("x", x.view, step->x());
    require_shape("targets", targets.view, step->targets());
    require_shape("mask", mask.view, step->mask());
    require_shape("lengths", lengths.view, step->lengths());
    if (classes && targets.host && (!mask.view.given() || mask.host)) {
      const Shape& y = step->y().shape;
      check_targets(operation, *targets.host, mask.host, y[y.rank() - 1]);
    }
    const auto result = using_network(*shared_, operation, [&](Network& held) {
      if (shared_->has_reduction) {
        throw InvalidArgument(
            "[CapturedStep] a step of a network with set_reduction cannot be captured: ranks would have to "
            "wait for each other in the middle of it");
      }
      // The activations of a forward before this are overwritten.
      shared_->kept.reset();
      DeviceContext& context = *held.context();
      bring(context, x, step->x());
      bring(context, targets, step->targets());
      bring(context, mask, step->mask());
      bring(context, lengths, step->lengths());
      step->run();
      return step->numbers();
    });
    step_ = step;
    correct_ = result.correct;
    return {result.loss, result.norm};
  }

  DeviceArray output() const {
    const TrainingStep& step = last();
    return {shared_, step_, step.y()};
  }
  std::int64_t correct() const {
    last();
    return std::llround(correct_);
  }
  bool captured() const { return step_ != nullptr && step_->captured(); }
  void restore_parameters() {
    last();
    using_network(*shared_, operation, [&](Network&) { step_->restore_parameters(); });
  }

 private:
  static Given take(DeviceInputs& inputs, py::handle object, const Argument& argument, DType dtype) {
    if (is_device_array(object)) return {std::nullopt, inputs.take(object, argument, dtype)};
    py::array host = input_array(object, argument, dtype);
    const ConstTensorView view = view_of(host);
    return {std::move(host), view};
  }

  static Given take_optional(DeviceInputs& inputs, py::handle object, const Argument& argument, DType dtype) {
    return object.is_none() ? Given{} : take(inputs, object, argument, dtype);
  }

  static Given take_lengths(DeviceInputs& inputs, py::handle object, std::int64_t time_steps) {
    const Argument argument{operation, "lengths", "[B]"};
    if (is_device_array(object)) return take(inputs, object, argument, DType::int64);
    auto host = optional_lengths(object, argument, time_steps);
    const ConstTensorView view = view_of(host);
    return {std::move(host), view};
  }

  // The one of the calls before, or a new one for the sizes of the first call.
  std::shared_ptr<TrainingStep> step_for(const ConstTensorView& x, bool mask, bool lengths) {
    if (step_ != nullptr) return step_;
    TrainingStepOptions options = options_;
    options.time_steps = x.shape[0];
    options.batch = x.shape[1];
    options.mask = mask;
    options.lengths = lengths;
    return using_network(*shared_, operation, [&](Network& held) {
      return std::make_shared<TrainingStep>(held, optimizer_, options);
    });
  }

  void require_shape(const char* name, const ConstTensorView& view, const TensorView& buffer) const {
    const bool wanted = buffer.shape.rank() > 0;
    if (view.given() == wanted && view.shape == buffer.shape) return;
    const std::string what = std::string("[CapturedStep] ") + name;
    const std::string why =
        step_ != nullptr ? ", as in the first call; another shape needs a CapturedStep of its own" : "";
    if (!wanted) throw py::value_error(what + " must be None" + why);
    throw py::value_error(what + " must have shape " + buffer.shape.to_string() + ", got " +
                          (view.given() ? view.shape.to_string() : "None") + why);
  }

  static void bring(DeviceContext& context, const Given& from, const TensorView& to) {
    const std::size_t bytes = static_cast<std::size_t>(to.shape.elements()) * size_of(to.dtype);
    if (!from.view.given()) return;
    if (from.host) return context.upload(from.view.data, to.data, bytes);
    context.copy(from.view.data, to.data, bytes);
  }

  const TrainingStep& last() const {
    if (step_ == nullptr) throw py::value_error("[CapturedStep] no step has been made yet");
    return *step_;
  }

  py::object holder_;  // the captured work reads the optimizer's options and counts its steps
  std::shared_ptr<SharedNetwork> shared_;
  TrainingStep::Optimizer optimizer_;
  TrainingStepOptions options_;  // without sizes
  std::shared_ptr<TrainingStep> step_;
  double correct_ = 0.0;
};

}  // namespace

void register_captured_step(py::module_& module) {
  py::class_<CapturedStep>(module, "CapturedStep")
      .def(py::init<const py::object&, const std::string&, std::optional<double>, std::optional<double>,
                    std::optional<double>, const std::optional<SharedDeviceState>&>(),
           py::arg("optimizer"), py::arg("loss"), py::arg("clip_value"), py::arg("clip_norm"),
           py::arg("recurrent_bound"), py::arg("state"))
      .def("run", &CapturedStep::run, py::arg("x"), py::arg("targets"), py::arg("mask"), py::arg("lengths"))
      .def("restore_parameters", &CapturedStep::restore_parameters)
      .def_property_readonly("output", &CapturedStep::output)
      .def_property_readonly("correct", &CapturedStep::correct)
      .def_property_readonly("captured", &CapturedStep::captured);
}

}  // namespace indrnn::python
