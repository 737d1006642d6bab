// What kernels did: launches, and the bytes that went through load() and store(), by kernel name.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <string>

namespace emulation {

struct Counters {
  std::atomic<std::uint64_t> launches = 0;
  std::atomic<std::uint64_t> bytes_read = 0;
  std::atomic<std::uint64_t> bytes_written = 0;
};

// Of all kernels launched since the last reset. Matrix products, copies and fills of memory count as launches under the
// names "gemm", "copy" and "fill"; a replayed graph's count as if launched one by one, and "graph" counts replays.
std::map<std::string, Counters>& counters();
void reset_counters();

// Calls that may make the host wait, by the name of the function; of cudaEventSynchronize those that did.
std::map<std::string, std::uint64_t>& calls();

}  // namespace emulation

// For Python's tests: exported by the emulated libindrnn_cuda.
#pragma GCC visibility push(default)
extern "C" {
// {"name": {"launches": 1, "bytes_read": 4, "bytes_written": 4}, ...}; valid until the next call.
const char* cuda_emulation_counters();
void cuda_emulation_reset_counters();
// Runs everything that is queued, as cudaDeviceSynchronize on every device.
void cuda_emulation_finish();
// How often such a function of the runtime was called since the last reset: "cudaMalloc".
std::uint64_t cuda_emulation_calls(const char* function);
// Bytes of live device memory.
std::uint64_t cuda_emulation_live_bytes(int device);
}
#pragma GCC visibility pop
