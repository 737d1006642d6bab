// How values and their gradients lie in device memory between the nodes, and what they are computed in. Sources name the
// first S and the second T. The caller's arrays, parameters, gradients of parameters, states and statistics are T always.
#pragma once

#include <cuda_bf16.h>

#include <type_traits>

namespace indrnn::cuda {

template <class S>
using Compute = std::conditional_t<std::is_same_v<S, __nv_bfloat16>, float, S>;

// Whether S is not T: numbers are rounded where they are stored.
template <class S>
inline constexpr bool is_rounded = !std::is_same_v<S, Compute<S>>;

}  // namespace indrnn::cuda
