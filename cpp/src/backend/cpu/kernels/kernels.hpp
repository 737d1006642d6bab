// The inner loops of the CPU backend, as a table of functions: one table for each instruction set and element type.
// Rows lie one after the other, `features` elements each. "in place" means that two arguments may be the same memory.
#pragma once

#include <cstdint>

#include "core/random_stream.hpp"

namespace indrnn::cpu {

enum class Activation : int { relu, tanh, sigmoid, identity };
inline constexpr int activation_count = 4;

// h_t = act(z_t + bias + u * h_{t-1}), in place. h is zero past the valid steps.
template <class T>
struct RecurrenceForward {
  const T* z;
  T* h;
  std::int64_t samples, steps, features;
  std::int64_t sample_stride, step_stride;  // of z and h, in elements
  const T* u;                               // [features]
  const T* bias;                            // [features] or nullptr
  T* state;                                 // [samples, features] in: h_{-1}; out: h of the last valid step
  const std::int64_t* valid;                // [samples] or nullptr: all steps
  const std::uint8_t* resets;               // or nullptr; not 0: h_{t-1} counts as zero
  std::int64_t reset_sample_stride, reset_step_stride;
};

// a_t = dh_t + g_{t+1};  dz_t = act'(h_t) a_t;  g_t = u dz_t;  du += sum dz_t h_{t-1};  dbias += sum dz_t;  in place.
template <class T>
struct RecurrenceBackward {
  const T* dh;
  const T* h;
  T* dz;
  std::int64_t samples, steps, features;
  std::int64_t sample_stride, step_stride;
  const T* u;
  const T* state;     // [samples, features] h_{-1}
  T* state_gradient;  // [samples, features] in: g behind the last valid step; out: g before the first
  double* du;         // [features], added to
  double* dbias;      // [features], added to, or nullptr
  const std::int64_t* valid;
  const std::uint8_t* resets;
  std::int64_t reset_sample_stride, reset_step_stride;
};

// One time step of one sample with zoneout, [features] each; weights: of the activation in h. bias is never nullptr.
template <class T>
struct ZoneoutForward {
  std::int64_t features;
  const T *z, *bias, *u, *weights;
  T* state;  // in: h_{t-1}; out: h_t
  T* h;
};

template <class T>
struct ZoneoutBackward {
  std::int64_t features;
  const T *dh, *z, *bias, *u, *weights;
  const T* before;  // h_{t-1}
  T* dz;            // may be dh
  T* later;         // in: gradient of h_t from later steps; out: of h_{t-1}
  T *du, *dbias;    // added to
};

// Sums over the valid rows of samples * steps rows.
struct Rows {
  std::int64_t samples, steps, features;
  const std::int64_t* valid;  // [samples] or nullptr: all steps
};

template <class T>
struct Kernels {
  void (*recurrence_forward[activation_count])(const RecurrenceForward<T>&);
  void (*recurrence_backward[activation_count])(const RecurrenceBackward<T>&);

  // y [rows, outputs] = x [rows, inputs] w [outputs, inputs]^T, for few inputs.
  void (*outer_forward)(std::int64_t rows, std::int64_t inputs, std::int64_t outputs, const T* x, const T* w,
                        T* y);
  // dw [outputs, inputs] += dy^T x
  void (*outer_weight)(std::int64_t rows, std::int64_t inputs, std::int64_t outputs, const T* dy, const T* x,
                       T* dw);
  // dx [rows, inputs] = dy w
  void (*outer_input)(std::int64_t rows, std::int64_t inputs, std::int64_t outputs, const T* dy, const T* w,
                      T* dx);

  void (*add_bias)(std::int64_t rows, std::int64_t features, const T* bias, T* y);
  // sums [features] += sum of the rows
  void (*column_sums)(std::int64_t rows, std::int64_t features, const T* x, double* sums);

  // sums += sum (x - shift);  squares += sum (x - shift)^2
  void (*norm_statistics)(const Rows& rows, const T* x, const T* shift, double* sums, double* squares);
  // y = x * scale + offset, in place
  void (*scale_offset)(std::int64_t rows, std::int64_t features, const T* x, const T* scale, const T* offset,
                       T* y);
  // sum_dy += sum dy;  sum_dy_x += sum dy (x - mean)
  void (*norm_gradient_sums)(const Rows& rows, const T* dy, const T* x, const T* mean, double* sum_dy,
                             double* sum_dy_x);
  // dx = a dy + b (x - mean) + c on valid rows, 0 on others; in place
  void (*norm_gradient)(const Rows& rows, const T* dy, const T* x, const T* mean, const T* a, const T* b,
                        const T* c, T* dx);
  // Over the features of each row, in place; dweight and dbias [features] are added to.
  void (*layer_norm)(std::int64_t rows, std::int64_t features, double epsilon, const T* x, const T* weight,
                     const T* bias, T* y);
  void (*layer_norm_gradient)(std::int64_t rows, std::int64_t features, double epsilon, const T* dy,
                              const T* x, const T* weight, T* dx, double* dweight, double* dbias);
  // y [samples, steps, features] = x * mask [samples, features], in place
  void (*multiply_mask)(std::int64_t samples, std::int64_t steps, std::int64_t features, const T* x,
                        const T* mask, T* y);
  void (*zoneout_forward[activation_count])(const ZoneoutForward<T>&);
  void (*zoneout_backward[activation_count])(const ZoneoutBackward<T>&);
  // In [0, 1); four numbers from each counter.
  void (*uniform_floats)(const RandomCounters& first, std::int64_t count, float* uniforms);
};

// The table for this machine's instruction set.
template <class T>
const Kernels<T>& kernels();

}  // namespace indrnn::cpu
