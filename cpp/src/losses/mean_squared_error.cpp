#include "backend/cpu/kernels/mean_squared_error.hpp"

#include "core/dispatch.hpp"
#include "indrnn/losses.hpp"
#include "losses/rows.hpp"

namespace indrnn::losses {
namespace {

constexpr const char* operation = "mean_squared_error";

}  // namespace

double mean_squared_error(ConstTensorView prediction, ConstTensorView target, ConstTensorView mask,
                          TensorView gradient) {
  check_given(operation, "prediction", prediction);
  check_float(operation, "prediction", prediction);
  if (prediction.shape.rank() < 1)
    fail(operation, "prediction", "have at least 1 dimension [..., F]", "a scalar");
  check_view(operation, "target", target, prediction.dtype, prediction.shape, "[..., F]");
  if (gradient.given())
    check_view(operation, "gradient", gradient, prediction.dtype, prediction.shape, "[..., F]");
  const Shape row_shape = leading(prediction.shape);
  const std::uint8_t* mask_rows = checked_mask(operation, mask, row_shape);
  // Without a mask every element is a row of its own, so that one long row is shared among threads as well.
  const std::int64_t features = mask_rows != nullptr ? prediction.shape[prediction.shape.rank() - 1] : 1;
  const std::int64_t rows = mask_rows != nullptr ? row_shape.elements() : prediction.shape.elements();

  const std::int64_t counted = count_rows(mask_rows, rows) * features;
  const double scale = counted > 0 ? 1.0 / static_cast<double>(counted) : 0.0;
  return dispatch_float(prediction.dtype, [&](auto zero) {
    using T = decltype(zero);
    static const cpu::SquaredErrorKernels<T> kernels = [] {
      using namespace cpu;
      return pick_isa(INDRNN_ISA_ALTERNATIVES(squared_error_kernels<T>));
    }();
    const T* p = prediction.as<T>();
    const T* t = target.as<T>();
    T* g = gradient.as<T>();
    const double sum = sum_over_blocks(rows, features, [&](std::int64_t first, std::int64_t last) {
      double block = 0;
      for (std::int64_t row = first, end; row < last; row = end) {
        // A run of rows that all count, or all do not.
        const bool counts = mask_rows == nullptr || mask_rows[row] != 0;
        for (end = row + 1; end < last && (mask_rows == nullptr || (mask_rows[end] != 0) == counts);) ++end;
        const std::int64_t begin = row * features, size = (end - row) * features;
        if (counts)
          block += kernels.squared_error(size, p + begin, t + begin, static_cast<T>(2 * scale),
                                         g != nullptr ? g + begin : nullptr);
        else if (g != nullptr)
          std::fill_n(g + begin, size, T{0});
      }
      return block;
    });
    return sum * scale;
  });
}

}  // namespace indrnn::losses
