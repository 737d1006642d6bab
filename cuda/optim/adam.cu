// m = b1 m + (1-b1) g;  v = b2 v + (1-b2) g^2;  w -= lr * m / (1-b1^n) / (sqrt(v / (1-b2^n)) + eps)
// One pass: reads g, w, m, v and writes w, m, v. The numbers of the step come from device memory.
#include <cmath>

#include "core/dispatch.hpp"
#include "optim/blocks.cuh"

namespace indrnn::cuda {
namespace {

template <class T>
struct AdamUpdate {
  const T* gradient;
  T *weight, *first_moment, *second_moment;
  const AdamNumbers* numbers;
  T beta1 = 0, one_minus_beta1 = 0, beta2 = 0, one_minus_beta2 = 0, step_size = 0, root_scale = 0,
    epsilon = 0;
  T gradient_decay = 0, keep = 1;

  __device__ void start() {
    const double b1 = load_constant(&numbers->beta1), b2 = load_constant(&numbers->beta2);
    beta1 = static_cast<T>(b1);
    one_minus_beta1 = static_cast<T>(1.0 - b1);
    beta2 = static_cast<T>(b2);
    one_minus_beta2 = static_cast<T>(1.0 - b2);
    step_size = static_cast<T>(load_constant(&numbers->step_size));
    root_scale = static_cast<T>(load_constant(&numbers->root_scale));
    epsilon = static_cast<T>(load_constant(&numbers->epsilon));
    const double decay = load_constant(&numbers->decay);
    if (load_constant(reinterpret_cast<const unsigned char*>(&numbers->decoupled)) != 0) {
      keep = static_cast<T>(1.0 - load_constant(&numbers->lr) * decay);
    } else {
      gradient_decay = static_cast<T>(decay);
    }
  }
  __device__ void operator()(std::int64_t i, bool decayed) const {
    const T w = load(weight + i);
    const T g = load(gradient + i) + (decayed ? gradient_decay : T(0)) * w;
    const T m = beta1 * load(first_moment + i) + one_minus_beta1 * g;
    const T v = beta2 * load(second_moment + i) + one_minus_beta2 * (g * g);
    store(first_moment + i, m);
    store(second_moment + i, v);
    store(weight + i, w * (decayed ? keep : T(1)) - step_size * (m / (std::sqrt(v) * root_scale + epsilon)));
  }
};

}  // namespace

void Context::adam(const AdamCall& call) {
  const DeviceGuard guard(device_);
  OptimizerSlot& slot = optimizer_slot(*call.blocks);
  slot.numbers.write(*this, [options = call.options, steps = call.steps](StepNumbers& numbers) {
    const double n = static_cast<double>(++*steps);
    numbers.adam = {.beta1 = options->beta1,
                    .beta2 = options->beta2,
                    .step_size = options->lr / (1 - std::pow(options->beta1, n)),
                    .root_scale = 1 / std::sqrt(1 - std::pow(options->beta2, n)),
                    .epsilon = options->epsilon,
                    .decay = options->weight_decay,
                    .lr = options->lr,
                    .decoupled = options->decoupled};
  });
  dispatch_float(call.dtype, [&](auto zero) {
    using T = decltype(zero);
    AdamUpdate<T> update{};
    update.gradient = static_cast<const T*>(call.gradient);
    update.weight = static_cast<T*>(call.weight);
    update.first_moment = static_cast<T*>(call.first_moment);
    update.second_moment = static_cast<T*>(call.second_moment);
    update.numbers = &slot.numbers.get()->adam;
    launch_update("adam", queue(), slot, update);
  });
}

}  // namespace indrnn::cuda
