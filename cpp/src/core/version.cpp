#include "indrnn/version.hpp"

#include "backend/cpu/cpu_isa.hpp"

namespace indrnn {

const char* version() { return INDRNN_VERSION; }
const char* instruction_set() { return cpu::name_of(cpu::isa()); }

}  // namespace indrnn
