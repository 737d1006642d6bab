// A Python function as the reduction of a network.
#pragma once

#include "indrnn/network.hpp"
#include "interpreter.hpp"

namespace indrnn::python {

// Empty for None. Called, and let go of, without the interpreter lock; what the function raises goes through the engine.
Reduction reduction_of(const py::object& function);

}  // namespace indrnn::python
