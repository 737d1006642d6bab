// The engine's own threads. Results never depend on their number.
#pragma once

#include <functional>

namespace indrnn {

// Threads that one call may use; default: INDRNN_NUM_THREADS, else the cores this process may run on.
void set_num_threads(int count);  // throws InvalidArgument unless count >= 1
int num_threads();

// Asked now and then by long calls, on the calling thread only; returning true makes the call throw Interrupted.
// The engine installs no signal handler: a host that wants Ctrl-C to work gives this function. nullptr turns it off.
void set_interrupt_check(std::function<bool()> check);

}  // namespace indrnn
