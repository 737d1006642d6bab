// The engine's own threads. Results never depend on their number.
#pragma once

#include <functional>

#include "indrnn/export.hpp"

namespace indrnn {

// Threads that one call may use; default: INDRNN_NUM_THREADS, else the cores (and CPU quota) of this process.
INDRNN_API void set_num_threads(int count);  // throws InvalidArgument unless 1 <= count <= 1024
INDRNN_API int num_threads();

// Asked now and then by long calls, on the calling thread only; returning true makes the call throw
// Interrupted. The engine installs no signal handler: a host that wants Ctrl-C to work gives this function.
// nullptr turns it off.
INDRNN_API void set_interrupt_check(std::function<bool()> check);

}  // namespace indrnn
