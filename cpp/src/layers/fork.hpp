// Where a value is read twice: Residual, Concat and Bidirectional start here.
#pragma once

#include <string>
#include <utility>

#include "plan/graph.hpp"

namespace indrnn {

// Two values that are `input`; backward adds their gradients.
std::pair<int, int> add_fork(GraphBuilder& builder, int input, const std::string& path);

// A value that is `first` and `second` side by side, [rows, F1 + F2]; backward splits.
int add_join(GraphBuilder& builder, int first, int second, const std::string& path);

}  // namespace indrnn
