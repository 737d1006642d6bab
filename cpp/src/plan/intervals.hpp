// Memory for things that live for a while each: those whose lives overlap get distinct places.
#pragma once

#include <cstddef>
#include <vector>

#include "indrnn/export.hpp"

namespace indrnn {

struct Interval {
  std::size_t bytes = 0;   // a multiple of the alignment wanted
  int first = 0;           // lives from here
  int last = 0;            // to here, included
  std::size_t offset = 0;  // result
};

// Sets every offset; returns the bytes needed in all. Largest first, each as low as it fits.
INDRNN_API std::size_t place_intervals(std::vector<Interval>& intervals);

}  // namespace indrnn
