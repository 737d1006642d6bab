// What the sequential and the time-parallel kernels of the recurrence share: their arguments, and the walk of one column
// (sample, neuron) through some steps.
//
// Loads do not depend on the state, so those of the next `depth` steps are under way while the present ones are computed:
// the walk waits for memory once in `depth` steps. Numbers are widened where they are used, the state is a T throughout.
#pragma once

#include "device/activation.cuh"
#include "device/walk.cuh"

namespace indrnn::cuda {

// Registers for two (backward four) times `depth` numbers. Of numbers of half the size more are under way, as many as leave
// room for 512 threads on a multiprocessor; fewer where lengths and resets want registers, too.
template <class S, bool masked>
inline constexpr int forward_depth = (is_rounded<S> ? 32 : 16) * (masked ? 3 : 4) / 4;
template <class S>
inline constexpr int backward_depth = is_rounded<S> ? 12 : 8;

// h_t = act(z_t + bias + u * h_{t-1}); h may be z. Past the lengths h is zero.
template <class S>
struct RecurrenceForward {
  using T = Compute<S>;
  Rows rows;
  const S* z;                  // [steps, B, F]
  S* h;                        // [steps, B, F]
  const T* u;                  // [F]
  const T* bias;               // [F] or nullptr
  const T* before;             // [B, F] h before the first step
  T* behind;                   // [B, F] h of the last real step
  const std::uint8_t* resets;  // [steps, B] or nullptr; not 0: h_{t-1} counts as zero
};

// a_t = dh_t + g_{t+1};  dz_t = act'(h_t) a_t;  g_t = u dz_t; dz may be dh. Past the lengths dz is zero.
template <class S>
struct RecurrenceBackward {
  using T = Compute<S>;
  Rows rows;
  const S* dh;                 // [steps, B, F]
  const S* h;                  // [steps, B, F]
  S* dz;                       // [steps, B, F]
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
template <class S, class A, bool masked, class T = Compute<S>>
__device__ inline T walk_forward(const RecurrenceForward<S>& r, const Column<masked>& column,
                                 std::int64_t first, std::int64_t end, Compute<S> h) {
  constexpr int depth = forward_depth<S, masked>;
  const std::int64_t stride = column.stride;
  const S* z = r.z + column.index;
  S* out = r.h + column.index;
  const T u = load_constant(r.u + column.feature);
  const T bias = r.bias != nullptr ? load_constant(r.bias + column.feature) : T(0);
  S ahead[depth];
#pragma unroll
  for (int k = 0; k < depth; ++k) ahead[k] = first + k < end ? load_once(z + (first + k) * stride) : S{};
  for (std::int64_t t = first; t < end; t += depth) {
    S now[depth];
#pragma unroll
    for (int k = 0; k < depth; ++k) {
      const std::int64_t later = t + depth + k;
      now[k] = ahead[k];
      if (later < end) ahead[k] = load_once(z + later * stride);
    }
#pragma unroll
    for (int k = 0; k < depth; ++k) {
      if (t + k >= end) break;
      if (column.is_reset(t + k)) h = T(0);
      h = A::value(widen(now[k]) + bias + u * h);
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
template <class S, class A, bool masked, class T = Compute<S>>
__device__ inline BackwardSums<T> walk_backward(const RecurrenceBackward<S>& r, const Column<masked>& column,
                                                std::int64_t first, std::int64_t end, Compute<S> g) {
  constexpr int depth = backward_depth<S>;
  const std::int64_t stride = column.stride;
  const S* dh = r.dh + column.index;
  const S* h = r.h + column.index;
  S* dz = r.dz + column.index;
  const T u = load_constant(r.u + column.feature);
  BackwardSums<T> sums{g, {}, {}};
  const auto load_dh = [&](std::int64_t t) { return t >= first ? load_once(dh + t * stride) : S{}; };
  const auto load_previous = [&](std::int64_t t) {
    return t >= first && t > 0 ? load_once(h + (t - 1) * stride) : S{};
  };
  const T before = first == 0 && end > 0 ? load(r.before + column.index) : T(0);
  S dh_ahead[depth], previous_ahead[depth];
  T now = end > first ? load(h + (end - 1) * stride) : T(0);
#pragma unroll
  for (int k = 0; k < depth; ++k) {
    dh_ahead[k] = load_dh(end - 1 - k);
    previous_ahead[k] = load_previous(end - 1 - k);
  }
  for (std::int64_t t = end - 1; t >= first; t -= depth) {
    S gradient[depth], stored[depth];
#pragma unroll
    for (int k = 0; k < depth; ++k) {
      gradient[k] = dh_ahead[k];
      stored[k] = previous_ahead[k];
      dh_ahead[k] = load_dh(t - depth - k);
      previous_ahead[k] = load_previous(t - depth - k);
    }
#pragma unroll
    for (int k = 0; k < depth; ++k) {
      if (t - k < first) break;
      const bool cut = column.is_reset(t - k);
      const T previous = t > k ? widen(stored[k]) : before;
      const T inner = A::gradient(now, widen(gradient[k]) + sums.g);
      store(dz + (t - k) * stride, inner);
      sums.dbias.add(inner);
      if (!cut) sums.du.add(inner * previous);
      sums.g = cut ? T(0) : u * inner;
      now = previous;
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
template <class S>
void launch_scan_forward(cudaStream_t stream, const RecurrenceForward<S>& r, cpu::Activation activation,
                         std::int64_t chunks, Compute<S>* scratch);
template <class S>
void launch_scan_backward(cudaStream_t stream, const RecurrenceBackward<S>& r, cpu::Activation activation,
                          std::int64_t chunks, Compute<S>* scratch);
inline std::int64_t scan_scratch(std::int64_t columns, std::int64_t chunks) {
  return chunks > 1 ? 5 * chunks * columns : 0;
}

}  // namespace indrnn::cuda
