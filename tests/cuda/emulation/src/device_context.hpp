// Contexts of devices: each takes memory on its GPU, and is made by the first call that needs it.
#pragma once

namespace emulation {

// Whether anything has used the device in this process.
bool context_made(int device);
void make_context(int device);
// Those that this process made do not work in a process forked from it.
bool forked_with_contexts();

}  // namespace emulation

#pragma GCC visibility push(default)
extern "C" int cuda_emulation_context_made(int device);  // for Python's tests
#pragma GCC visibility pop
