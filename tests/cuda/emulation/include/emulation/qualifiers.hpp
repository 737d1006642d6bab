// CUDA's keywords. In C++ they mean nothing, except where noted.
#pragma once

#define __global__
#define __device__
#define __host__
#define __constant__
#define __grid_constant__
#define __launch_bounds__(...)
#define __forceinline__ inline __attribute__((always_inline))
#define __align__(bytes) alignas(bytes)
// One block runs at a time, so a static is shared by its threads alone.
#define __shared__ static
