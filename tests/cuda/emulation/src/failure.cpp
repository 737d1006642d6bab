#include "failure.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "block.hpp"
#include "options.hpp"

namespace emulation {

std::string text(Where where) {
  const char* slash = std::strrchr(where.file_name(), '/');
  return std::string(slash == nullptr ? where.file_name() : slash + 1) + ":" + std::to_string(where.line());
}

std::string text(const dim3& size) {
  return "(" + std::to_string(size.x) + ", " + std::to_string(size.y) + ", " + std::to_string(size.z) + ")";
}

std::string text_of_address(const void* address) {
  char buffer[32];
  std::snprintf(buffer, sizeof(buffer), "%p", address);
  return buffer;
}

void fail(const std::string& message) {
  std::string place;
  if (const Block* block = current_block()) {
    place = "\n  in kernel " + block->launch().name + ", grid " + text(block->launch().grid) + " of " +
            text(block->launch().block) + ", block " + text(dim3(blockIdx)) + ", thread " +
            text(dim3(threadIdx));
  }
  std::fprintf(stderr, "CUDA emulation: %s%s\n  CUDA_EMULATION_SEED=%llu\n", message.c_str(), place.c_str(),
               static_cast<unsigned long long>(options().seed));
  std::fflush(stderr);
  std::abort();
}

}  // namespace emulation
