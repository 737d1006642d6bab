#include "address_range.hpp"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <memory>

#include "block.hpp"
#include "failure.hpp"
#include "memory.hpp"

namespace emulation {
namespace {

// Addresses, not memory. ThreadSanitizer leaves few to the program.
#ifdef __SANITIZE_THREAD__
constexpr std::size_t range_bytes = std::size_t{64} << 30U;
#else
constexpr std::size_t range_bytes = std::size_t{1} << 40U;
#endif

std::array<std::unique_ptr<AddressRange>, most_devices> ranges;
struct sigaction earlier_action;

// Says what happened; the process then ends as it would have without this.
void on_segmentation_fault(int signal, siginfo_t* info, void* context) {
  if (in_device_range(info->si_addr)) {
    std::array<char, 256> line{};
    const Allocation* allocation = find_allocation(info->si_addr);
    const Block* block = current_block();
    const char* who = block == nullptr ? "host code" : block->launch().name.c_str();
    const long long offset =
        allocation == nullptr ? 0 : static_cast<char*>(info->si_addr) - allocation->begin;
    const int length =
        std::snprintf(line.data(), line.size(),
                      "CUDA emulation: %s touches device memory at %p, %s %lld bytes into a buffer of %zu\n",
                      who, info->si_addr, allocation == nullptr ? "freed or never allocated," : "", offset,
                      allocation == nullptr ? std::size_t{0} : allocation->bytes);
    if (write(STDERR_FILENO, line.data(), static_cast<std::size_t>(length)) < 0) _exit(86);
  }
  if ((earlier_action.sa_flags & SA_SIGINFO) != 0 && earlier_action.sa_sigaction != nullptr) {
    earlier_action.sa_sigaction(signal, info, context);
    return;
  }
  sigaction(SIGSEGV, &earlier_action, nullptr);  // the instruction runs again and faults again
}

void install_handler() {
  struct sigaction action{};
  action.sa_sigaction = on_segmentation_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  sigaction(SIGSEGV, &action, &earlier_action);
}

std::size_t whole_pages(std::size_t bytes) {
  return (bytes + AddressRange::page - 1) / AddressRange::page * AddressRange::page;
}

}  // namespace

AddressRange::AddressRange(int device) : device_(device) {
  void* mapped = mmap(nullptr, range_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) fail("the host has no addresses for device memory");
  begin_ = static_cast<char*>(mapped);
  next_ = begin_ + page;
}

char* AddressRange::take(std::size_t bytes) {
  const std::size_t size = whole_pages(bytes) + page;
  if (size > range_bytes - static_cast<std::size_t>(next_ - begin_)) return nullptr;
  char* taken = next_;
  next_ += size;
  taken_.insert(taken);
  if (opened_ > 0) mprotect(taken, size, PROT_READ | PROT_WRITE);
  return taken;
}

void AddressRange::give_back(char* begin, std::size_t bytes) {
  taken_.erase(begin);
  // Mapped anew, not only emptied: the page tables go too, and changing the protection of the range stays quick.
  mmap(begin, whole_pages(bytes), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
}

bool AddressRange::holds(const void* address) const {
  const char* at = static_cast<const char*>(address);
  return at >= begin_ && at < begin_ + range_bytes;
}

void AddressRange::open() {
  if (opened_++ == 0) protect(PROT_READ | PROT_WRITE);
}

void AddressRange::close() {
  if (--opened_ == 0) protect(PROT_NONE);
}

// From the first address in use on: what lies before stays closed.
void AddressRange::protect(int protection) {
  if (opened_from_ == nullptr) opened_from_ = taken_.empty() ? next_ : *taken_.begin();
  mprotect(opened_from_, static_cast<std::size_t>(next_ - opened_from_), protection);
  if (protection == PROT_NONE) opened_from_ = nullptr;
}

AddressRange& address_range(int device) {
  std::unique_ptr<AddressRange>& range = ranges[static_cast<std::size_t>(device)];
  if (!range) {
    static const bool installed = (install_handler(), true);
    static_cast<void>(installed);
    range = std::make_unique<AddressRange>(device);
  }
  return *range;
}

bool in_device_range(const void* address) {
  for (const auto& range : ranges) {
    if (range && range->holds(address)) return true;
  }
  return false;
}

OpenDeviceMemory::OpenDeviceMemory(int device) : device_(device) { address_range(device).open(); }
OpenDeviceMemory::~OpenDeviceMemory() { address_range(device_).close(); }

}  // namespace emulation
