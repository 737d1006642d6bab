// What the sequential and the time-parallel kernels of the recurrence share: their arguments, and the walk of one column
// (sample, neuron) through some steps.
//
// Loads do not depend on the state, so those of the next `depth` steps are under way while the present ones are computed:
// the walk waits for memory once in `depth` steps.
#pragma once

#include "device/activation.cuh"
#include "device/walk.cuh"

namespace indrnn::cuda {

// Registers for two (backward four) times `depth` numbers.
inline constexpr int forward_depth = 16;
inline constexpr int backward_depth = 8;

// h_t = act(z_t + bias + u * h_{t-1}); h may be z. Past the lengths h is zero.
template <class T>
struct RecurrenceForward {
  Rows rows;
  const T* z;                  // [steps, B, F]
  T* h;                        // [steps, B, F]
  const T* u;                  // [F]
  const T* bias;               // [F] or nullptr
  const T* before;             // [B, F] h before the first step
  T* behind;                   // [B, F] h of the last real step
  const std::uint8_t* resets;  // [steps, B] or nullptr; not 0: h_{t-1} counts as zero
};

// a_t = dh_t + g_{t+1};  dz_t = act'(h_t) a_t;  g_t = u dz_t; dz may be dh. Past the lengths dz is zero.
template <class T>
struct RecurrenceBackward {
  Rows rows;
  const T* dh;                 // [steps, B, F]
  const T* h;                  // [steps, B, F]
  T* dz;                       // [steps, B, F]
  const T* u;                  // [F]
  const T* before;             // [B, F] h before the first step
  T* state_gradient;           // [B, F] in: g behind the last real step; out: g before the first
  const std::uint8_t* resets;  // [steps, B] or nullptr
  double* du;                  // [chunks, B, F], overwritten: sum over the steps of dz_t h_{t-1}
  double* dbias;               // [chunks, B, F], overwritten: sum over the steps of dz_t; or nullptr
};

// One thread's column and what it needs to know of it. masked: there are lengths or resets.
template <bool masked>
struct Column {
  std::int64_t index, stride, sample, feature, valid, batch;
  const std::uint8_t* resets;

  __device__ Column(const Rows& rows, const std::uint8_t* resets_, std::int64_t index_)
      : index(index_),
        stride(rows.columns()),
        sample(index_ / rows.features),
        feature(index_ - sample * rows.features),
        valid(masked ? valid_steps(rows, sample) : rows.steps),
        batch(rows.batch),
        resets(resets_) {}
  __device__ bool is_reset(std::int64_t t) const {
    return masked && resets != nullptr && load_constant(resets + t * batch + sample) != 0;
  }
};

// Steps [first, end) of a column, all real, from state h; returns the state behind them.
template <class T, class A, bool masked>
__device__ inline T walk_forward(const RecurrenceForward<T>& r, const Column<masked>& column,
                                 std::int64_t first, std::int64_t end, T h) {
  const std::int64_t stride = column.stride;
  const T* z = r.z + column.index;
  T* out = r.h + column.index;
  const T u = load_constant(r.u + column.feature);
  const T bias = r.bias != nullptr ? load_constant(r.bias + column.feature) : T(0);
  T ahead[forward_depth];
#pragma unroll
  for (int k = 0; k < forward_depth; ++k)
    ahead[k] = first + k < end ? load_once(z + (first + k) * stride) : T(0);
  for (std::int64_t t = first; t < end; t += forward_depth) {
    T now[forward_depth];
#pragma unroll
    for (int k = 0; k < forward_depth; ++k) {
      const std::int64_t later = t + forward_depth + k;
      now[k] = ahead[k];
      if (later < end) ahead[k] = load_once(z + later * stride);
    }
#pragma unroll
    for (int k = 0; k < forward_depth; ++k) {
      if (t + k >= end) break;
      if (column.is_reset(t + k)) h = T(0);
      h = A::value(now[k] + bias + u * h);
      store(out + (t + k) * stride, h);
    }
  }
  return h;
}

// Sums over a run of steps: some terms in their own type, then in float64.
template <class T>
struct RunningSum {
  T part = T(0);
  double total = 0.0;
  __device__ void add(T term) { part += term; }
  __device__ void flush() {
    total += static_cast<double>(part);
    part = T(0);
  }
};

template <class T>
struct BackwardSums {
  T g;  // what reaches the state before
  RunningSum<T> du, dbias;
};

// Steps [first, end) of a column from the last to the first, all real; g: what reaches the last from later steps.
template <class T, class A, bool masked>
__device__ inline BackwardSums<T> walk_backward(const RecurrenceBackward<T>& r, const Column<masked>& column,
                                                std::int64_t first, std::int64_t end, T g) {
  const std::int64_t stride = column.stride;
  const T* dh = r.dh + column.index;
  const T* h = r.h + column.index;
  T* dz = r.dz + column.index;
  const T u = load_constant(r.u + column.feature);
  BackwardSums<T> sums{g, {}, {}};
  const auto load_dh = [&](std::int64_t t) { return t >= first ? load_once(dh + t * stride) : T(0); };
  const auto load_previous = [&](std::int64_t t) {
    if (t < first) return T(0);
    return t > 0 ? load_once(h + (t - 1) * stride) : load(r.before + column.index);
  };
  T dh_ahead[backward_depth], previous_ahead[backward_depth];
  T now = end > first ? load_once(h + (end - 1) * stride) : T(0);
#pragma unroll
  for (int k = 0; k < backward_depth; ++k) {
    dh_ahead[k] = load_dh(end - 1 - k);
    previous_ahead[k] = load_previous(end - 1 - k);
  }
  for (std::int64_t t = end - 1; t >= first; t -= backward_depth) {
    T gradient[backward_depth], previous[backward_depth];
#pragma unroll
    for (int k = 0; k < backward_depth; ++k) {
      gradient[k] = dh_ahead[k];
      previous[k] = previous_ahead[k];
      dh_ahead[k] = load_dh(t - backward_depth - k);
      previous_ahead[k] = load_previous(t - backward_depth - k);
    }
#pragma unroll
    for (int k = 0; k < backward_depth; ++k) {
      if (t - k < first) break;
      const bool cut = column.is_reset(t - k);
      const T inner = A::gradient(now, gradient[k] + sums.g);
      store(dz + (t - k) * stride, inner);
      sums.dbias.add(inner);
      if (!cut) sums.du.add(inner * previous[k]);
      sums.g = cut ? T(0) : u * inner;
      now = previous[k];
    }
    sums.du.flush();
    sums.dbias.flush();
  }
  return sums;
}

// Whether the sequential kernel needs to look at lengths and resets.
template <class Arguments>
bool is_masked(const Arguments& r) {
  return r.rows.lengths != nullptr || r.resets != nullptr;
}

// The time-parallel kernels, recurrence_scan.cu; time is cut in `chunks` >= 2. scratch: scan_scratch elements.
template <class T>
void launch_scan_forward(cudaStream_t stream, const RecurrenceForward<T>& r, cpu::Activation activation,
                         std::int64_t chunks, T* scratch);
template <class T>
void launch_scan_backward(cudaStream_t stream, const RecurrenceBackward<T>& r, cpu::Activation activation,
                          std::int64_t chunks, T* scratch);
inline std::int64_t scan_scratch(std::int64_t columns, std::int64_t chunks) {
  return chunks > 1 ? 5 * chunks * columns : 0;
}

}  // namespace indrnn::cuda
