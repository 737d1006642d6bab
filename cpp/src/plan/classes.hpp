// Values, or gradients, that lie in the same memory.
#pragma once

#include <cstddef>
#include <numeric>
#include <vector>

namespace indrnn {

// Union-find; a class is named by one of its members, the first that was joined.
class Classes {
 public:
  explicit Classes(std::size_t count) : parent_(count) { std::iota(parent_.begin(), parent_.end(), 0); }
  int find(int value) {
    while (parent_[at(value)] != value) value = parent_[at(value)] = parent_[at(parent_[at(value)])];
    return value;
  }
  void join(int a, int b) { parent_[at(find(b))] = find(a); }

 private:
  static std::size_t at(int value) { return static_cast<std::size_t>(value); }
  std::vector<int> parent_;
};

}  // namespace indrnn
