// What a GPU must be able to do. Asked before its first kernel, which could only fail.
#pragma once

#include <string>

namespace indrnn::cuda {

// As 10 major + minor: what the kernels are built for, and float32 products of bfloat16 factors.
inline constexpr int least_capability = 75, least_capability_of_bfloat16 = 80;

// Throws DeviceError, in one sentence about `what`, for a device of a lower compute capability.
void check_capability(const std::string& what, int device, int least);

}  // namespace indrnn::cuda
