// The recurrence alone, on the caller's arrays: h_t = act(z_t + u * h_{t-1})   (Li et al., CVPR 2018, eq. 2).
//
// z, h, dh, dz are [T, B, H]; u, du are [H]; h0, dh0 are [B, H]; lengths is int64 [B]. float32 or float64,
// all alike. Past a sequence's length, h is zero and dh is not read.
#pragma once

#include <string>

#include "indrnn/export.hpp"
#include "indrnn/tensor.hpp"

namespace indrnn::ops {

// Writes h (may be the same memory as z). h0 and lengths may be empty: zeros, and T.
INDRNN_API void indrnn_forward(ConstTensorView z, ConstTensorView u, ConstTensorView h0,
                               ConstTensorView lengths, const std::string& activation, TensorView h);

// Overwrites dz (may be the same memory as dh), du and dh0.
//   a_t = dh_t + u * dz_{t+1};  dz_t = act'(h_t) * a_t;  du = sum_{t,b} dz_t * h_{t-1};  dh0 = u * dz_1
INDRNN_API void indrnn_backward(ConstTensorView dh, ConstTensorView h, ConstTensorView u, ConstTensorView h0,
                                ConstTensorView lengths, const std::string& activation, TensorView dz,
                                TensorView du, TensorView dh0);

}  // namespace indrnn::ops
