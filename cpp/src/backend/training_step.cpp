#include "backend/training_step.hpp"

#include <array>
#include <limits>

#include "indrnn/error.hpp"
#include "indrnn/optim.hpp"

namespace indrnn {
namespace {

// Places in `numbers_`.
constexpr int loss_place = 0, norm_place = 1, correct_place = 2, clipped_norm_place = 3, num_numbers = 4;

std::size_t bytes_of(const Shape& shape, DType dtype) {
  return static_cast<std::size_t>(shape.elements()) * size_of(dtype);
}

std::int64_t* steps_of(TrainingStep::Optimizer optimizer) {
  optim::Adam** adam = std::get_if<optim::Adam*>(&optimizer);
  return adam != nullptr ? &(*adam)->steps : nullptr;
}

}  // namespace

TrainingStep::TrainingStep(Network& network, Optimizer optimizer, const TrainingStepOptions& options)
    : network_(network),
      context_(network.context()),
      optimizer_(optimizer),
      options_(options),
      dtype_(network.options().dtype),
      x_dtype_(network.takes_indices() ? DType::int64 : dtype_),
      x_shape_({options.time_steps, options.batch}),
      y_shape_(network.output_shape(options.time_steps, options.batch)) {
  if (!network.takes_indices()) x_shape_.append(network.options().input_size);
  for (int axis = 0; axis + 1 < y_shape_.rank(); ++axis) rows_.append(y_shape_[axis]);
  const std::size_t y_bytes = bytes_of(y_shape_, dtype_);
  x_ = context_->allocate(bytes_of(x_shape_, x_dtype_));
  y_ = context_->allocate(y_bytes);
  gradient_ = context_->allocate(y_bytes);
  targets_ = context_->allocate(bytes_of(targets().shape, targets().dtype));
  if (options.mask) mask_ = context_->allocate(bytes_of(rows_, DType::uint8));
  if (options.lengths) lengths_ = context_->allocate(bytes_of({options.batch}, DType::int64));
  numbers_ = context_->allocate(num_numbers * sizeof(double));
  previous_ = context_->allocate(bytes_of(network.parameters().shape, dtype_));
}

TensorView TrainingStep::targets() const {
  if (options_.loss == StepLoss::mean_squared_error) return {targets_.get(), y_shape_, dtype_};
  return {targets_.get(), rows_, DType::int64};
}

TensorView TrainingStep::mask() const {
  return mask_ == nullptr ? TensorView() : TensorView{mask_.get(), rows_, DType::uint8};
}

TensorView TrainingStep::lengths() const {
  return lengths_ == nullptr ? TensorView() : TensorView{lengths_.get(), Shape{options_.batch}, DType::int64};
}

void TrainingStep::run() {
  if (!has_run_) {
    give();
    has_run_ = true;
    return;
  }
  if (work_ == nullptr || first_sample_ != network_.first_sample()) capture();
  work_->launch();
}

void TrainingStep::give() {
  const TensorView gradients = network_.gradients(), parameters = network_.parameters();
  const std::int64_t count = gradients.shape.elements();
  auto* numbers = static_cast<double*>(numbers_.get());
  network_.zero_gradients();
  const ForwardOptions forward{.training = true, .lengths = lengths()};
  if (options_.state != nullptr) {
    network_.forward(x(), y(), *options_.state, forward);
  } else {
    network_.forward(x(), y(), forward);
  }
  give_loss();
  network_.backward({gradient_.get(), y_shape_, dtype_});
  // A limit that no norm exceeds: this only measures.
  context_->clip_by_norm(dtype_, gradients.data, count, std::numeric_limits<double>::max(),
                         numbers + norm_place);
  if (options_.clip_value) context_->clamp(dtype_, gradients.data, count, *options_.clip_value);
  if (options_.clip_norm) {
    context_->clip_by_norm(dtype_, gradients.data, count, *options_.clip_norm, numbers + clipped_norm_place);
  }
  context_->copy(parameters.data, previous_.get(), bytes_of(parameters.shape, dtype_));
  std::visit([](auto* optimizer) { optimizer->step(); }, optimizer_);
  if (options_.recurrent_bound) optim::constrain_recurrent(network_, *options_.recurrent_bound);
}

void TrainingStep::give_loss() {
  const std::int64_t rows = rows_.elements(), features = y_shape_[y_shape_.rank() - 1];
  auto* numbers = static_cast<double*>(numbers_.get());
  const auto* mask = static_cast<const std::uint8_t*>(mask_.get());
  if (options_.loss == StepLoss::softmax_cross_entropy) {
    return context_->softmax_cross_entropy({.dtype = dtype_,
                                            .rows = rows,
                                            .classes = features,
                                            .logits = y_.get(),
                                            .targets = static_cast<const std::int64_t*>(targets_.get()),
                                            .mask = mask,
                                            .gradient = gradient_.get(),
                                            .loss = numbers + loss_place,
                                            .correct = numbers + correct_place});
  }
  context_->mean_squared_error({.dtype = dtype_,
                                .rows = rows,
                                .features = features,
                                .prediction = y_.get(),
                                .target = targets_.get(),
                                .mask = mask,
                                .gradient = gradient_.get(),
                                .loss = numbers + loss_place});
}

void TrainingStep::capture() {
  // Capturing counts the forward and the step that the first launch then makes.
  const auto [seed, forwards] = network_.random_state();
  std::int64_t* steps = steps_of(optimizer_);
  const std::int64_t steps_before = steps != nullptr ? *steps : 0;
  const std::int64_t state_steps = options_.state != nullptr ? options_.state->steps : 0;
  work_ = nullptr;
  context_->begin_capture();
  try {
    give();
    work_ = context_->end_capture();
  } catch (...) {
    try {
      context_->end_capture();
    } catch (const Error&) {  // of what was spoilt, or had ended
    }
    network_.set_random_state(seed, forwards);
    if (steps != nullptr) *steps = steps_before;
    if (options_.state != nullptr) options_.state->steps = state_steps;
    throw;
  }
  first_sample_ = network_.first_sample();
}

TrainingStep::Numbers TrainingStep::numbers() const {
  std::array<double, 3> found{};
  context_->download(numbers_.get(), found.data(), sizeof(found));
  return {found[loss_place], found[norm_place], found[correct_place]};
}

void TrainingStep::restore_parameters() {
  const TensorView parameters = network_.parameters();
  context_->copy(previous_.get(), parameters.data, bytes_of(parameters.shape, dtype_));
}

}  // namespace indrnn
