// Stand-in for the CUDA runtime's header, for compiling the sources of cuda/ as ordinary C++. Only what they use.
#pragma once

#include "emulation/qualifiers.hpp"
#include "emulation/vector_types.hpp"
// what follows needs the types above
#include "emulation/atomics.hpp"
#include "emulation/kernel.hpp"
#include "emulation/launch.hpp"
#include "emulation/math.hpp"
#include "emulation/runtime_api.hpp"
#include "emulation/warp.hpp"
