#include "plan/intervals.hpp"

#include <algorithm>

namespace indrnn {

std::size_t place_intervals(std::vector<Interval>& intervals) {
  std::vector<Interval*> order;
  for (Interval& interval : intervals) order.push_back(&interval);
  std::stable_sort(order.begin(), order.end(),
                   [](const Interval* a, const Interval* b) { return a->bytes > b->bytes; });

  std::size_t total = 0;
  std::vector<const Interval*> placed;  // by offset
  for (Interval* interval : order) {
    std::size_t offset = 0;
    for (const Interval* other : placed) {
      if (other->last < interval->first || other->first > interval->last) continue;
      if (other->offset >= offset + interval->bytes) break;
      offset = std::max(offset, other->offset + other->bytes);
    }
    interval->offset = offset;
    total = std::max(total, offset + interval->bytes);
    auto after = std::upper_bound(placed.begin(), placed.end(), interval,
                                  [](const Interval* a, const Interval* b) { return a->offset < b->offset; });
    placed.insert(after, interval);
  }
  return total;
}

}  // namespace indrnn
