// Every `new` of this program, and every calloc of the engine's, is counted (allocator.cpp) and can be made to fail.
#pragma once

namespace indrnn::testing {

long allocations();  // so far, on all threads
long locks();        // of mutexes, by this program's own code and the engine's

// While it lives, the first n allocations of this thread succeed and the next one fails.
class FailingAllocations {
 public:
  explicit FailingAllocations(long n);
  ~FailingAllocations();
  FailingAllocations(const FailingAllocations&) = delete;
  FailingAllocations& operator=(const FailingAllocations&) = delete;
  bool failed() const;
};

}  // namespace indrnn::testing
