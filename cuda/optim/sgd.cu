// velocity = momentum * velocity + g;  w -= lr * velocity (nesterov: lr * (g + momentum * velocity)).
// With momentum 0 it is w -= lr * g, and velocity is left alone.
#include "core/dispatch.hpp"
#include "optim/blocks.cuh"

namespace indrnn::cuda {
namespace {

template <class T>
struct SgdUpdate {
  const T* gradient;
  T *weight, *velocity;
  const SgdNumbers* numbers;
  T lr = 0, momentum = 0, decay = 0, gradient_part = 0, velocity_part = 0;

  __device__ void start() {
    lr = static_cast<T>(load_constant(&numbers->lr));
    momentum = static_cast<T>(load_constant(&numbers->momentum));
    decay = static_cast<T>(load_constant(&numbers->decay));
    const bool nesterov = load_constant(reinterpret_cast<const unsigned char*>(&numbers->nesterov)) != 0;
    gradient_part = nesterov ? T(1) : T(0);
    velocity_part = nesterov ? momentum : T(1);
  }
  __device__ void operator()(std::int64_t i, bool decayed) const {
    const T w = load(weight + i);
    const T g = load(gradient + i) + (decayed ? decay : T(0)) * w;
    if (momentum == T(0)) return store(weight + i, w - lr * g);
    const T v = momentum * load(velocity + i) + g;
    store(velocity + i, v);
    store(weight + i, w - lr * (gradient_part * g + velocity_part * v));
  }
};

}  // namespace

void Context::sgd(const SgdCall& call) {
  const DeviceGuard guard(device_);
  OptimizerSlot& slot = optimizer_slot(*call.blocks);
  slot.numbers.write(*this, [options = call.options](StepNumbers& numbers) {
    numbers.sgd = {options->lr, options->momentum, options->weight_decay, options->nesterov};
  });
  dispatch_float(call.dtype, [&](auto zero) {
    using T = decltype(zero);
    SgdUpdate<T> update{};
    update.gradient = static_cast<const T*>(call.gradient);
    update.weight = static_cast<T*>(call.weight);
    update.velocity = static_cast<T*>(call.velocity);
    update.numbers = &slot.numbers.get()->sgd;
    launch_update("sgd", queue(), slot, update);
  });
}

}  // namespace indrnn::cuda
