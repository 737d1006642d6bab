// Gradients of the parameters: summed by each lane for itself, then over the lanes in their order.
#pragma once

#include "backend/cpu/run.hpp"
#include "core/threads.hpp"

namespace indrnn::cpu {

template <class T>
void clear_lane_sums(Run<T>& run) {
  const Graph& graph = *run.graph;
  parallel_for(
      run.geometry().lanes,
      [&](std::int64_t lane, int) {
        T* matrices = run.template pointer<T>(run.plan->lane_matrices) + lane * graph.parameter_elements;
        double* vectors = run.template pointer<double>(run.plan->lane_vectors) + lane * graph.vector_elements;
        std::fill_n(matrices, graph.parameter_elements, T(0));
        std::fill_n(vectors, graph.vector_elements, 0.0);
      },
      run.plan->workers);
}

// gradients += sum of the lanes; the same bits on any number of threads.
template <class T>
void add_lane_sums(Run<T>& run, T* gradients) {
  constexpr std::int64_t block = 4096;
  const Graph& graph = *run.graph;
  const std::int64_t lanes = run.geometry().lanes;
  const T* matrices = run.template pointer<T>(run.plan->lane_matrices);
  parallel_for((graph.parameter_elements + block - 1) / block, [&](std::int64_t task, int) {
    const std::int64_t first = task * block;
    const std::int64_t count = std::min(graph.parameter_elements - first, block);
    T sums[block];
    std::copy_n(matrices + first, count, sums);
    for (std::int64_t lane = 1; lane < lanes; ++lane) {
      const T* from = matrices + lane * graph.parameter_elements + first;
      for (std::int64_t i = 0; i < count; ++i) sums[i] += from[i];
    }
    for (std::int64_t i = 0; i < count; ++i) gradients[first + i] += sums[i];
  });
  const double* vectors = run.template pointer<double>(run.plan->lane_vectors);
  for (const Parameter& parameter : graph.parameters) {
    if (!parameter.is_vector()) continue;
    for (std::int64_t i = 0; i < parameter.shape.elements(); ++i) {
      double sum = 0.0;
      for (std::int64_t lane = 0; lane < lanes; ++lane) {
        sum += vectors[lane * graph.vector_elements + parameter.vector_offset + i];
      }
      gradients[parameter.offset + i] += static_cast<T>(sum);
    }
  }
}

}  // namespace indrnn::cpu
