// loss = mean over counted elements of (prediction - target)^2;  gradient = 2 (prediction - target) / count.
#include "core/dispatch.hpp"
#include "losses/rows.cuh"
#include "runtime/context.hpp"

namespace indrnn::cuda {
namespace {

// Writes the gradient on the way.
template <class T>
struct SquaredError {
  const T *prediction, *target;
  const std::uint8_t* mask;
  T* gradient;
  std::int64_t features;
  RowCount count;
  T factor = 0;

  __device__ void start() {
    if (gradient != nullptr) factor = static_cast<T>(2.0 * count.scale(static_cast<double>(features)));
  }
  __device__ double operator()(std::int64_t i) const {
    const bool counts = mask == nullptr || load(mask + i / features) != 0;
    const T difference = counts ? load(prediction + i) - load(target + i) : T(0);
    if (gradient != nullptr) store(gradient + i, difference * factor);
    return static_cast<double>(difference) * static_cast<double>(difference);
  }
};

}  // namespace

void Context::mean_squared_error(const SquaredErrorCall& call) {
  const DeviceGuard guard(device_);
  double* memory = reinterpret_cast<double*>(scratch(total_bytes + sizeof(double)));
  const RowCount count = count_rows(queue(), call.mask, call.rows, memory);
  dispatch_float(call.dtype, [&](auto zero) {
    using T = decltype(zero);
    const SquaredError<T> term{static_cast<const T*>(call.prediction),
                               static_cast<const T*>(call.target),
                               call.mask,
                               static_cast<T*>(call.gradient),
                               call.features,
                               count};
    launch_total("mean_squared_error", queue(), call.rows * call.features, term,
                 StoreMean{call.loss, count, static_cast<double>(call.features)}, memory);
  });
}

}  // namespace indrnn::cuda
