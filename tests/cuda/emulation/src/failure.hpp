// How the emulator reports a bug in the code under test: one message that says where, then abort.
#pragma once

#include <string>

#include "emulation/kernel.hpp"

namespace emulation {

// "CUDA emulation: <message>", the running kernel, block and thread, and the seed.
[[noreturn]] void fail(const std::string& message);

std::string text(Where where);             // "recurrence.cu:40"
std::string text(const dim3& size);        // "(4, 1, 1)"
std::string text_of_address(const void*);  // "0x7f..."

}  // namespace emulation
