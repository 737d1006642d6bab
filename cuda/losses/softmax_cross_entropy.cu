// loss = mean over counted rows of log(sum exp(x)) - x[target];  gradient = (softmax - one_hot) / counted rows.
// A warp, or a block where there are many classes, takes a row: maximum, sum of exponentials, gradient; and, where it is
// wanted, whether the maximum is the target's. Reads the logits three times, the second and third time from the cache, and
// writes the gradient once.
#include <cmath>

#include "core/dispatch.hpp"
#include "losses/rows.cuh"
#include "runtime/context.hpp"

namespace indrnn::cuda {
namespace {

template <class T>
struct LossRows {
  std::int64_t classes;
  const T* logits;
  const std::int64_t* targets;
  const std::uint8_t* mask;
  T* gradient;     // or nullptr
  double* losses;  // [rows]
  double* hits;    // [rows]: 1 where the target is the first of the highest logits; or nullptr
  RowCount count;
};

// gradient may be logits: each number is written by the thread that alone reads it, but for the target's.
template <int threads, class T>
__global__ void __launch_bounds__(threads) softmax_cross_entropy_rows(LossRows<T> r) {
  const std::int64_t row = blockIdx.x;
  const T* x = r.logits + row * r.classes;
  T* gradient = r.gradient == nullptr ? nullptr : r.gradient + row * r.classes;
  const bool counts = r.mask == nullptr || load(r.mask + row) != 0;
  const std::int64_t target = counts ? load(r.targets + row) : 0;
  const bool inside = target >= 0 && target < r.classes;
  const double target_logit = inside ? static_cast<double>(load(x + target)) : NAN;
  T highest = -T(INFINITY);
  for (std::int64_t c = threadIdx.x; c < r.classes; c += threads) {
    const T value = load(x + c);
    highest = value > highest ? value : highest;
  }
  highest = block_maximum<threads>(highest);
  double sum = 0.0, before = 0.0;  // classes before the target that are as high
  for (std::int64_t c = threadIdx.x; c < r.classes; c += threads) {
    const T value = load(x + c);
    sum += static_cast<double>(std::exp(value - highest));
    if (c < target && value == highest) before += 1.0;
  }
  sum = block_sum<threads>(sum);
  if (r.hits != nullptr) before = block_sum<threads>(before);
  __syncthreads();  // all have read the target's logit
  const double scale = r.count.scale();
  if (gradient != nullptr) {
    const double factor = scale / sum;
    for (std::int64_t c = threadIdx.x; c < r.classes; c += threads) {
      const double exponential = static_cast<double>(std::exp(load(x + c) - highest));
      const double value = c == target ? (exponential / sum - 1.0) * scale : exponential * factor;
      store(gradient + c, counts ? static_cast<T>(value) : T(0));
    }
  }
  if (threadIdx.x == 0) {
    const double loss = std::log(sum) - (target_logit - static_cast<double>(highest));
    store(r.losses + row, counts ? loss : 0.0);
    if (r.hits != nullptr) {
      const bool hit = counts && target_logit == static_cast<double>(highest) && before == 0.0;
      store(r.hits + row, hit ? 1.0 : 0.0);
    }
  }
}

struct OfRow {
  const double* values;
  __device__ double operator()(std::int64_t row) const { return load(values + row); }
};

constexpr std::int64_t many_classes = 1024;

}  // namespace

void Context::softmax_cross_entropy(const CrossEntropyCall& call) {
  const DeviceGuard guard(device_);
  double* memory = reinterpret_cast<double*>(
      scratch(total_bytes + static_cast<std::size_t>(2 * call.rows + 32) * sizeof(double)));
  double* losses = memory + most_total_blocks + 32;
  double* hits = call.correct != nullptr ? losses + call.rows : nullptr;
  const RowCount count = count_rows(queue(), call.mask, call.rows, memory);
  dispatch_float(call.dtype, [&](auto zero) {
    using T = decltype(zero);
    const LossRows<T> rows{call.classes,
                           static_cast<const T*>(call.logits),
                           call.targets,
                           call.mask,
                           static_cast<T*>(call.gradient),
                           losses,
                           hits,
                           count};
    const auto grid = static_cast<unsigned>(call.rows);
    if (call.classes > many_classes) {
      launch({"softmax_cross_entropy", dim3(grid), dim3(256), queue()}, softmax_cross_entropy_rows<256, T>,
             rows);
    } else {
      launch({"softmax_cross_entropy", dim3(grid), dim3(32), queue()}, softmax_cross_entropy_rows<32, T>,
             rows);
    }
  });
  launch_total("sum_losses", queue(), call.rows, OfRow{losses}, StoreMean{call.loss, count, 1.0}, memory);
  if (hits != nullptr)
    launch_total("sum_hits", queue(), call.rows, OfRow{hits}, StoreTotal{call.correct}, memory);
}

}  // namespace indrnn::cuda
