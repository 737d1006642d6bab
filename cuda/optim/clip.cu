// Clipping of gradients by value and by norm, and the bound on recurrent weights. The norm stays on the device: nothing
// waits for it.
#include <algorithm>
#include <cmath>

#include "core/dispatch.hpp"
#include "device/total.cuh"
#include "losses/rows.cuh"
#include "runtime/context.hpp"

namespace indrnn::cuda {
namespace {

constexpr int threads = 256;
constexpr std::int64_t most_blocks = 1024;

template <class F>
__global__ void __launch_bounds__(threads) for_numbers(std::int64_t count, F f) {
  for (std::int64_t i = std::int64_t{blockIdx.x} * threads + threadIdx.x; i < count;
       i += std::int64_t{gridDim.x} * threads)
    f(i);
}

template <class F>
void launch_numbers(const char* name, cudaStream_t stream, std::int64_t count, const F& f) {
  const std::int64_t blocks = std::min(divide_up(count, threads), most_blocks);
  launch({name, dim3(static_cast<unsigned>(blocks)), dim3(threads), stream}, for_numbers<F>, count, f);
}

template <class T>
struct Clamp {
  T* values;
  T limit;
  __device__ void operator()(std::int64_t i) const {  // NaN stays
    const T value = load(values + i), low = value < -limit ? -limit : value;
    store(values + i, low > limit ? limit : low);
  }
};

template <class T>
struct Square {
  const T* values;
  __device__ double operator()(std::int64_t i) const {
    const double value = static_cast<double>(load(values + i));
    return value * value;
  }
};

struct StoreRoot {
  double* to;
  __device__ void operator()(double total) const { store(to, std::sqrt(total)); }
};

template <class T>
struct ScaleToNorm {
  T* values;
  const double* norm;
  double limit;
  __device__ void operator()(std::int64_t i) const {
    const double now = load_constant(norm);
    if (!(now > limit) || now > 1.7e308) return;
    store(values + i, load(values + i) * static_cast<T>(limit / now));
  }
};

}  // namespace

void Context::clamp(DType dtype, void* values, std::int64_t count, double limit) {
  const DeviceGuard guard(device_);
  dispatch_float(dtype, [&](auto zero) {
    using T = decltype(zero);
    launch_numbers("clamp", queue(), count, Clamp<T>{static_cast<T*>(values), static_cast<T>(limit)});
  });
}

void Context::clip_by_norm(DType dtype, void* values, std::int64_t count, double limit, double* norm) {
  const DeviceGuard guard(device_);
  double* memory = reinterpret_cast<double*>(scratch(total_bytes));
  dispatch_float(dtype, [&](auto zero) {
    using T = decltype(zero);
    launch_total("gradient_norm", queue(), count, Square<T>{static_cast<const T*>(values)}, StoreRoot{norm},
                 memory);
    launch_numbers("clip_by_norm", queue(), count, ScaleToNorm<T>{static_cast<T*>(values), norm, limit});
  });
}

}  // namespace indrnn::cuda
