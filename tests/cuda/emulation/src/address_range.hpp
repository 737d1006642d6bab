// The addresses of one device, and their protection.
#pragma once

#include <cstddef>
#include <set>

namespace emulation {

// Addresses are given out once and never again: whoever uses freed memory is found out.
class AddressRange {
 public:
  explicit AddressRange(int device);

  // Whole pages with a closed page before and after; nullptr when the range is used up.
  char* take(std::size_t bytes);
  void give_back(char* begin, std::size_t bytes);
  bool holds(const void* address) const;
  void open();
  void close();

  static constexpr std::size_t page = 4096;

 private:
  void protect(int protection);

  int device_;
  int opened_ = 0;
  char* begin_;
  char* next_;
  char* opened_from_ = nullptr;  // while it is open
  std::set<char*> taken_;
};

AddressRange& address_range(int device);
inline constexpr int most_devices = 8;

}  // namespace emulation
