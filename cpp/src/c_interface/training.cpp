#include <cmath>
#include <string>
#include <variant>

#include "c_interface/guard.hpp"
#include "core/check.hpp"
#include "optim/blocks.hpp"

using namespace indrnn;
using namespace indrnn::c_interface;

struct indrnn_optimizer {
  indrnn_network* network;
  std::variant<optim::Adam, optim::Sgd> optimizer;
};

namespace {

// Rows of the output that lie within their sequence; empty without lengths, or where the output is one row each.
ConstTensorView row_mask(indrnn_network& handle, const Shape& output, const std::int64_t* lengths) {
  if (lengths == nullptr || output.rank() < 3) return {};
  const Shape rows{output[0], output[1]};
  if (!(handle.mask.shape() == rows)) handle.mask = Tensor(rows, DType::uint8);
  for (std::int64_t t = 0; t < rows[0]; ++t) {
    for (std::int64_t b = 0; b < rows[1]; ++b) {
      handle.mask.data<std::uint8_t>()[t * rows[1] + b] = t < lengths[b] ? 1 : 0;
    }
  }
  return handle.mask.view();
}

// Writes the gradient over the output.
double find_loss(int kind, TensorView output, const void* targets, ConstTensorView mask) {
  if (kind == INDRNN_MEAN_SQUARED_ERROR) {
    return losses::mean_squared_error(output, {targets, output.shape, output.dtype}, mask, output);
  }
  if (kind != INDRNN_SOFTMAX_CROSS_ENTROPY)
    throw InvalidArgument("kind must be a value of indrnn_loss, got " + std::to_string(kind));
  Shape rows;
  for (int axis = 0; axis + 1 < output.shape.rank(); ++axis) rows.append(output.shape[axis]);
  return losses::softmax_cross_entropy(output, {targets, rows, DType::int64}, mask, output);
}

void update(indrnn_optimizer& optimizer) {
  std::visit([](auto& each) { each.step(); }, optimizer.optimizer);
}

}  // namespace

indrnn_status indrnn_adam_create(indrnn_network* network, double lr, double weight_decay,
                                 indrnn_optimizer** optimizer) noexcept {
  return guarded([&] {
    require(network, "network"), require(optimizer, "optimizer");
    optim::AdamOptions options{.lr = lr, .weight_decay = weight_decay};
    *optimizer = new indrnn_optimizer{network, optim::Adam(network->network, options)};
  });
}

indrnn_status indrnn_sgd_create(indrnn_network* network, double lr, double momentum, double weight_decay,
                                indrnn_optimizer** optimizer) noexcept {
  return guarded([&] {
    require(network, "network"), require(optimizer, "optimizer");
    optim::SgdOptions options{.lr = lr, .momentum = momentum, .weight_decay = weight_decay};
    *optimizer = new indrnn_optimizer{network, optim::Sgd(network->network, options)};
  });
}

indrnn_status indrnn_optimizer_set_lr(indrnn_optimizer* optimizer, double lr) noexcept {
  return guarded([&] {
    require(optimizer, "optimizer");
    optim::check_not_negative("optimizer_set_lr", "lr", lr);
    std::visit([&](auto& each) { each.options.lr = lr; }, optimizer->optimizer);
  });
}

indrnn_status indrnn_optimizer_step(indrnn_optimizer* optimizer) noexcept {
  return guarded([&] {
    require(optimizer, "optimizer");
    update(*optimizer);
  });
}

void indrnn_optimizer_free(indrnn_optimizer* optimizer) noexcept { delete optimizer; }

indrnn_status indrnn_clip_gradients(indrnn_network* network, double limit, double* norm) noexcept {
  return guarded([&] {
    require(network, "network");
    const double before = optim::clip_gradients_by_norm(network->network, limit);
    if (norm != nullptr) *norm = before;
  });
}

indrnn_status indrnn_constrain_recurrent(indrnn_network* network, double bound) noexcept {
  return guarded([&] {
    require(network, "network");
    optim::constrain_recurrent(network->network, bound);
  });
}

indrnn_status indrnn_train_step(indrnn_optimizer* optimizer, int kind, int64_t time_steps, int64_t batch,
                                const void* x, const void* targets, const int64_t* lengths, double clip,
                                double* loss) noexcept {
  return guarded([&] {
    require(optimizer, "optimizer"), require(targets, "targets"), require(loss, "loss");
    if (std::isnan(clip)) fail("train_step", "clip", "be a number", to_text(clip));
    indrnn_network& handle = *optimizer->network;
    Network& network = handle.network;
    const Shape shape = network.output_shape(time_steps, batch);
    if (!(handle.output.shape() == shape) || handle.output.dtype() != network.options().dtype)
      handle.output = Tensor(shape, network.options().dtype);
    const TensorView output = handle.output.view();
    run_forward(handle, time_steps, batch, x, output.data, nullptr, lengths, true);
    const double value = find_loss(kind, output, targets, row_mask(handle, shape, lengths));
    network.zero_gradients();
    network.backward(output);
    handle.kept_time_steps = -1;
    if (clip > 0.0) optim::clip_gradients_by_norm(network, clip);
    update(*optimizer);
    *loss = value;
  });
}
