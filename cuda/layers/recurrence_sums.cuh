// The gradients of u and bias: what each column (chunk of time, sample, neuron) summed over its steps, summed over chunks
// and samples in a fixed order.
#pragma once

#include "device/column_sums.cuh"
#include "executor/run.hpp"
#include "layers/recurrence.cuh"

namespace indrnn::cuda {

inline std::size_t recurrence_sums_bytes(std::int64_t batch, std::int64_t features, std::int64_t chunks) {
  return static_cast<std::size_t>(2 * chunks * batch * features) * sizeof(double) +
         column_sums_bytes(chunks * batch, features, 2);
}

struct RecurrenceSums {
  std::int64_t rows, features;  // rows: (chunk, sample)
  double *du, *dbias;           // [rows, F]; dbias nullptr: not wanted
  double* partial;              // scratch of the sums
  std::byte* end;               // behind all of it

  RecurrenceSums(double* memory, std::int64_t batch, std::int64_t features_, std::int64_t chunks,
                 bool with_bias)
      : rows(chunks * batch),
        features(features_),
        du(memory),
        dbias(with_bias ? memory + rows * features : nullptr),
        partial(memory + 2 * rows * features),
        end(reinterpret_cast<std::byte*>(memory) + recurrence_sums_bytes(batch, features_, chunks)) {}
};

// What the backward kernels of both recurrences, with and without zoneout, read and write.
template <class S>
RecurrenceBackward<S> recurrence_backward_arguments(Run<S>& run, const Node& node,
                                                    const RecurrenceSums& sums) {
  return {.rows = run.rows(node.inputs[0]),
          .dh = run.gradient(node.outputs[0]),
          .h = run.value(node.outputs[0]),
          .dz = run.gradient(node.inputs[0]),
          .u = run.parameter(node.parameters[0]),
          .before = run.state_before(node.state),
          .state_gradient = run.state_gradient(node.state),
          .resets = run.window_resets(),
          .du = sums.du,
          .dbias = sums.dbias};
}

template <bool with_bias>
struct RecurrenceSumTerm {
  const double *du, *dbias;
  std::int64_t features;
  __device__ void operator()(std::int64_t row, std::int64_t feature, double* sums) const {
    sums[0] += load(du + row * features + feature);
    if constexpr (with_bias) sums[1] += load(dbias + row * features + feature);
  }
};

// ADDS to u_gradient [F] and bias_gradient [F] or nullptr.
template <class T>
void add_recurrence_sums(cudaStream_t stream, const RecurrenceSums& sums, T* u_gradient, T* bias_gradient) {
  constexpr const char* name = "recurrence_gradients";
  if (sums.dbias != nullptr) {
    launch_column_sums<2, double>(name, stream, sums.rows, sums.features,
                                  RecurrenceSumTerm<true>{sums.du, sums.dbias, sums.features},
                                  AddToGradients<T, 2>{{u_gradient, bias_gradient}}, sums.partial);
  } else {
    launch_column_sums<1, double>(name, stream, sums.rows, sums.features,
                                  RecurrenceSumTerm<false>{sums.du, nullptr, sums.features},
                                  AddToGradients<T, 1>{{u_gradient}}, sums.partial);
  }
}

}  // namespace indrnn::cuda
