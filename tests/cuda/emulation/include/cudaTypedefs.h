// Stand-in for the driver's header of function types.
#pragma once

#include "cuda.h"

using PFN_cuDeviceGet_v2000 = CUresult (*)(CUdevice* device, int index);
using PFN_cuDevicePrimaryCtxRetain_v7000 = CUresult (*)(CUcontext* context, CUdevice device);
using PFN_cuCtxPushCurrent_v4000 = CUresult (*)(CUcontext context);
using PFN_cuCtxPopCurrent_v4000 = CUresult (*)(CUcontext* context);
