#include "backend/cpu/kernels/softmax_cross_entropy.hpp"

#include "core/dispatch.hpp"
#include "indrnn/losses.hpp"
#include "losses/rows.hpp"

namespace indrnn::losses {
namespace {

constexpr const char* operation = "softmax_cross_entropy";

// "[3, 1]": where the row lies in the shape of the targets.
std::string position_of(std::int64_t row, const Shape& shape) {
  std::string text;
  for (int axis = shape.rank() - 1; axis >= 0; row /= shape[axis--])
    text = std::to_string(row % shape[axis]) + (text.empty() ? "" : ", ") + text;
  return "[" + text + "]";
}

void check_targets(const ConstTensorView& targets, const std::uint8_t* mask, std::int64_t rows,
                   std::int64_t classes) {
  const std::int64_t* target = targets.as<std::int64_t>();
  for (std::int64_t row = 0; row < rows; ++row) {
    if (mask != nullptr && mask[row] == 0) continue;  // padding may hold anything
    if (target[row] < 0 || target[row] >= classes)
      fail(operation, "targets", "be in [0, " + std::to_string(classes) + ")",
           std::to_string(target[row]) + " at " + position_of(row, targets.shape));
  }
}

}  // namespace

double softmax_cross_entropy(ConstTensorView logits, ConstTensorView targets, ConstTensorView mask,
                             TensorView dlogits) {
  check_given(operation, "logits", logits);
  check_float(operation, "logits", logits);
  if (logits.shape.rank() < 1) fail(operation, "logits", "have at least 1 dimension [..., C]", "a scalar");
  const Shape row_shape = leading(logits.shape);
  const std::int64_t rows = row_shape.elements();
  const std::int64_t classes = logits.shape[logits.shape.rank() - 1];
  check_view(operation, "targets", targets, DType::int64, row_shape, "[...]");
  if (dlogits.given()) check_view(operation, "dlogits", dlogits, logits.dtype, logits.shape, "[..., C]");
  const std::uint8_t* mask_rows = checked_mask(operation, mask, row_shape);
  check_targets(targets, mask_rows, rows, classes);

  const std::int64_t counted = count_rows(mask_rows, rows);
  const double scale = counted > 0 ? 1.0 / static_cast<double>(counted) : 0.0;
  return dispatch_float(logits.dtype, [&](auto zero) {
    using T = decltype(zero);
    static const cpu::SoftmaxKernels<T> kernels = [] {
      using namespace cpu;
      return pick_isa(INDRNN_ISA_ALTERNATIVES(softmax_kernels<T>));
    }();
    const T* x = logits.as<T>();
    T* dx = dlogits.as<T>();
    const double sum = sum_over_blocks(rows, classes, [&](std::int64_t first, std::int64_t last) {
      return kernels.cross_entropy({.rows = last - first,
                                    .classes = classes,
                                    .logits = x + first * classes,
                                    .targets = targets.as<std::int64_t>() + first,
                                    .mask = mask_rows != nullptr ? mask_rows + first : nullptr,
                                    .scale = scale,
                                    .gradient = dx != nullptr ? dx + first * classes : nullptr});
    });
    return sum * scale;
  });
}

}  // namespace indrnn::losses
