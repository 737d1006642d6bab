// Parallel loops on the engine's own pool of threads (see thread_pool.hpp), and the host's interrupt check.
#pragma once

#include <cstdint>

#include "core/function_ref.hpp"
#include "indrnn/threads.hpp"

namespace indrnn {

// More threads than this are refused by set_num_threads.
inline constexpr int max_threads = 1024;

// How many workers parallel_for(tasks, ...) uses at most: min(num_threads(), tasks), and 1 inside another parallel_for.
int parallel_workers(std::int64_t tasks);

// Calls body(task, worker) once for each task in [0, tasks) and returns when all are done.
// - Tasks are handed out one by one in increasing order; which worker gets which is not determined, so a result must
//   not depend on `worker`. It is in [0, workers), one thread at a time has it, and serves to pick scratch memory.
//   0 is the calling thread.
// - With one task or one worker everything runs on the calling thread without lock, allocation or system call.
//   So does a call from inside a body, and one made while another thread of the host is using the pool.
// - An exception ends the handing out; the one of the lowest task is thrown again on the calling thread.
// - workers: at most so many, where scratch was laid out before; default: parallel_workers(tasks).
// - Denormal numbers are zeros in a body (float_control.hpp), on every worker.
// Forking inside a body is not supported; forking at any other time is.
using TaskBody = FunctionRef<void(std::int64_t task, int worker)>;
void parallel_for(std::int64_t tasks, TaskBody body);
void parallel_for(std::int64_t tasks, TaskBody body, int workers);

// Whether the host wants the running call to stop. Always false on a thread of the pool: the check is the host's code
// and is asked on the calling thread only.
bool interrupt_requested();
INDRNN_API void check_interrupt();  // throws Interrupted if so

}  // namespace indrnn
