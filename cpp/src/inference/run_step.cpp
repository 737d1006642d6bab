// The operations of one step. Nothing here allocates.
#include <algorithm>

#include "core/dispatch.hpp"
#include "core/float_control.hpp"
#include "inference/program.hpp"

namespace indrnn::inference {
namespace {

// [rows, features] at a stride.
template <class T>
struct Rows {
  T* first;
  std::int64_t stride, features;
  T* operator[](std::int64_t row) const { return first + row * stride; }
};

template <class T>
struct Step {
  const StepCall& call;
  std::int64_t first, count;

  Rows<T> rows(int place) const {
    const Place& p = call.program->places[static_cast<std::size_t>(place)];
    return {static_cast<T*>(call.workspace) + p.offset * call.batch + first * p.stride, p.stride, p.features};
  }
  Rows<const T> input(int place) const {
    if (place == caller_input) {
      const std::int64_t size = call.program->input_size;
      return {static_cast<const T*>(call.x) + first * size, size, size};
    }
    const Rows<T> r = rows(place);
    return {r.first, r.stride, r.features};
  }

  void operator()(const Dense& op) const {
    const Rows<T> h = rows(op.output);
    const bool product = op.inputs > 0, sum = op.addend >= 0;
    const Rows<const T> x = product ? input(op.input) : Rows<const T>{};
    const Rows<const T> z = sum ? input(op.addend) : Rows<const T>{};
    cpu::stream_table<T>().layer({.rows = count,
                                  .inputs = op.inputs,
                                  .outputs = h.stride,
                                  .x = x.first,
                                  .x_stride = x.stride,
                                  .weights = op.weights.template data<T>(),
                                  .z = z.first,
                                  .z_stride = z.stride,
                                  .bias = op.bias.template data<T>(),
                                  .u = op.u.template data<T>(),
                                  .h = h.first,
                                  .h_stride = h.stride,
                                  .activation = op.activation,
                                  .zoneout = static_cast<T>(op.zoneout)});
  }

  void operator()(const ScaleOffset& op) const {
    const Rows<const T> x = input(op.input);
    const Rows<T> y = rows(op.output);
    const std::int64_t at = std::min(call.steps, op.last_row) * x.features;
    const T *scale = op.scale.template data<T>() + at, *offset = op.offset.template data<T>() + at;
    for (std::int64_t r = 0; r < count; ++r) {
      for (std::int64_t f = 0; f < x.features; ++f) y[r][f] = scale[f] * x[r][f] + offset[f];
    }
  }

  void operator()(const Normalize& op) const {
    const Rows<const T> x = input(op.input);
    const Rows<T> y = rows(op.output);
    for (std::int64_t r = 0; r < count; ++r) {
      cpu::kernels<T>().layer_norm(1, x.features, op.epsilon, x[r], op.weight.template data<T>(),
                                   op.bias.template data<T>(), y[r]);
    }
  }

  void operator()(const Difference& op) const {
    const Rows<const T> x = input(op.input);
    const Rows<T> y = rows(op.output), before = rows(op.previous);
    for (std::int64_t r = 0; r < count; ++r) {
      const bool taken = before[r][x.features] > T(0);
      for (std::int64_t f = 0; f < x.features; ++f) y[r][f] = taken ? x[r][f] - before[r][f] : T(0);
      std::copy_n(x[r], x.features, before[r]);
      before[r][x.features] = T(1);
    }
  }

  void operator()(const Sum& op) const {
    const Rows<const T> a = input(op.first), b = input(op.second);
    const Rows<T> y = rows(op.output);
    for (std::int64_t r = 0; r < count; ++r) {
      for (std::int64_t f = 0; f < y.features; ++f) y[r][f] = a[r][f] + b[r][f];
    }
  }

  void operator()(const Joined& op) const {
    const Rows<const T> a = input(op.first), b = input(op.second);
    const Rows<T> y = rows(op.output);
    for (std::int64_t r = 0; r < count; ++r) {
      std::copy_n(b[r], b.features, std::copy_n(a[r], a.features, y[r]));
    }
  }

  void operator()(const Lookup& op) const {
    const auto* indices = static_cast<const std::int64_t*>(call.x) + first;
    const Rows<T> y = rows(op.output);
    for (std::int64_t r = 0; r < count; ++r) {
      std::copy_n(op.table.template data<T>() + indices[r] * y.features, y.features, y[r]);
    }
  }
};

}  // namespace

void run_step(const StepCall& call, std::int64_t first, std::int64_t count) {
  const FlushDenormals flush;
  dispatch_float(call.program->dtype, [&](auto zero) {
    using T = decltype(zero);
    const Step<T> step{call, first, count};
    for (const Operation& operation : call.program->operations) std::visit(step, operation);
    const Rows<const T> result = step.input(call.program->output);
    T* y = static_cast<T*>(call.y) + first * result.features;
    for (std::int64_t r = 0; r < count; ++r, y += result.features) std::copy_n(result[r], result.features, y);
  });
}

}  // namespace indrnn::inference
