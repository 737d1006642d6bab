// Stand-in for the driver's header: the types of what cuda/ asks the driver for.
#pragma once

enum CUresult { CUDA_SUCCESS = 0, CUDA_ERROR_INVALID_CONTEXT = 201, CUDA_ERROR_INVALID_DEVICE = 101 };
using CUdevice = int;
struct CUctx_st;
using CUcontext = CUctx_st*;
