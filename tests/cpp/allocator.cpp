#include "failing_allocator.hpp"

#include <pthread.h>

#include <atomic>
#include <cstdlib>
#include <new>

// GCC inlines one half of a pair below, sees malloc meet delete, and takes it for a mistake.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

namespace {

std::atomic<long> count{0}, lock_count{0};
thread_local constinit long left = -1;  // until one fails; -1: none will
thread_local constinit bool has_failed = false;

bool fails() {
  ++count;
  if (left < 0 || --left >= 0) return false;
  has_failed = true;
  return true;
}

void* counted_or_null(std::size_t bytes, std::size_t alignment = 0) {
  if (fails()) return nullptr;
  if (bytes == 0) bytes = 1;
  if (alignment == 0) return std::malloc(bytes);
  return std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}

void* counted(std::size_t bytes, std::size_t alignment = 0) {
  void* memory = counted_or_null(bytes, alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(std::size_t bytes) { return counted(bytes); }
void* operator new[](std::size_t bytes) { return counted(bytes); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return counted(bytes, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t bytes, std::align_val_t alignment) {
  return counted(bytes, static_cast<std::size_t>(alignment));
}
// Without these, a sanitizer would bring its own and miss their match among the deletes below.
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return counted_or_null(bytes); }
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept { return counted_or_null(bytes); }
void* operator new(std::size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return counted_or_null(bytes, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return counted_or_null(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

// The linker sends the engine's calloc here (--wrap), where it can.
extern "C" void* __real_calloc(std::size_t count, std::size_t size);
extern "C" void* __wrap_calloc(std::size_t number, std::size_t size) {
  return fails() ? nullptr : __real_calloc(number, size);
}

extern "C" int __real_pthread_mutex_lock(pthread_mutex_t* mutex);
extern "C" int __wrap_pthread_mutex_lock(pthread_mutex_t* mutex) {
  ++lock_count;
  return __real_pthread_mutex_lock(mutex);
}

namespace indrnn::testing {

long locks() { return lock_count; }
long allocations() { return count; }

FailingAllocations::FailingAllocations(long n) {
  left = n;
  has_failed = false;
}
FailingAllocations::~FailingAllocations() { left = -1; }
bool FailingAllocations::failed() const { return has_failed; }

}  // namespace indrnn::testing
