// What the sequential and the time-parallel kernels of the recurrence share: their arguments, and the walk of one column
// (sample, neuron) through some steps.
//
// Loads do not depend on the state, so those of the next `depth` steps are under way while the present ones
// are computed (device/read_ahead.cuh). The state is a T throughout.
#pragma once

#include "device/activation.cuh"
#include "device/read_ahead.cuh"
#include "device/walk.cuh"

namespace indrnn::cuda {

// Of a block, and blocks on a multiprocessor at least: left to itself, nvcc spills some kernels to fit more
// of them.
inline constexpr int recurrence_threads = 128, recurrence_blocks = 3;

// Steps under way. Two times as many numbers are in registers, backward four times, and as many resets: where
// many chunks of time fill the device, what leaves room for 512 threads on a multiprocessor. One thread per
// column asks for more steps of numbers of half the size: few columns wait for memory, many for its
// bandwidth.
template <bool with_resets>
inline constexpr int scan_forward_depth = with_resets ? 12 : 16;
template <class S>
inline constexpr int scan_backward_depth = sizeof(S) == 8 ? 6 : 8;
template <class S, bool with_resets>
inline constexpr int forward_depth =
    is_rounded<S> ? (with_resets ? 20 : 32) : scan_forward_depth<with_resets>;
template <class S>
inline constexpr int backward_depth = is_rounded<S> ? 12 : scan_backward_depth<S>;

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

// One thread's column and what it needs to know of it. with_resets: `resets` is not nullptr.
template <bool with_resets>
struct Column {
  std::int64_t index, stride, sample, feature, valid, batch;
  const std::uint8_t* resets;

  __device__ Column(const Rows& rows, const std::uint8_t* resets_, std::int64_t index_)
      : index(index_),
        stride(rows.columns()),
        sample(index_ / rows.features),
        feature(index_ - sample * rows.features),
        valid(valid_steps(rows, sample)),
        batch(rows.batch),
        resets(resets_) {}
  __device__ bool is_reset(std::int64_t t) const {
    return with_resets && load_constant(resets + t * batch + sample) != 0;
  }
  // From step t on, towards the end or (direction -1) the start.
  template <class S, class... Sequences>
  __device__ Reading<S, 1 + sizeof...(Sequences)> reading(std::int64_t t, int direction, const S* sequence,
                                                          const Sequences*... sequences) const {
    const std::int64_t at = t * stride + index;
    return {{sequence + at, sequences + at...},
            direction * stride,
            with_resets ? resets + t * batch + sample : nullptr,
            direction * batch};
  }
};

// Steps [first, end) of a column, all real, from state h; returns the state behind them.
template <class A, int depth, class S, bool with_resets, class T = Compute<S>>
__device__ inline T walk_forward(const RecurrenceForward<S>& r, const Column<with_resets>& column,
                                 std::int64_t first, std::int64_t end, Compute<S> h) {
  const T u = load_constant(r.u + column.feature);
  const T bias = r.bias != nullptr ? load_constant(r.bias + column.feature) : T(0);
  S* out = r.h + first * column.stride + column.index;
  read_steps<depth, with_resets>(column.reading(first, 1, r.z), end - first, [&](const S(&z)[1], bool reset) {
    if (reset) h = T(0);
    h = A::value(widen(z[0]) + bias + u * h);
    store(out, h);
    out += column.stride;
  });
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
template <class A, int depth, class S, bool with_resets, class T = Compute<S>>
__device__ inline BackwardSums<T> walk_backward(const RecurrenceBackward<S>& r,
                                                const Column<with_resets>& column, std::int64_t first,
                                                std::int64_t end, Compute<S> g) {
  BackwardSums<T> sums{g, {}, {}};
  if (first >= end) return sums;
  const std::int64_t stride = column.stride, last = end - 1;
  const T u = load_constant(r.u + column.feature);
  S* dz = r.dz + last * stride + column.index;
  T h = load(r.h + last * stride + column.index);
  const auto step = [&](T dh, T previous, bool reset) {
    const T inner = A::gradient(h, dh + sums.g);
    store(dz, inner);
    dz -= stride;
    sums.dbias.add(inner);
    if (!reset) sums.du.add(inner * previous);
    sums.g = reset ? T(0) : u * inner;
    h = previous;
  };
  const auto flush = [&] {
    sums.du.flush();
    sums.dbias.flush();
  };
  // The state before the first step lies elsewhere; what that step needs is asked for now.
  const bool from_start = first == 0;
  const T dh_start = from_start ? load(r.dh + column.index) : T(0);
  const T before = from_start ? load(r.before + column.index) : T(0);
  const bool reset_start = from_start && column.is_reset(0);
  read_steps<depth, with_resets>(
      column.reading(last, -1, r.dh, r.h - stride), end - (from_start ? 1 : first),
      [&](const S(&now)[2], bool reset) { step(widen(now[0]), widen(now[1]), reset); }, flush);
  if (from_start) {
    step(dh_start, before, reset_start);
    flush();
  }
  return sums;
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
