#include "executor/capability.hpp"

#include "indrnn/error.hpp"
#include "runtime/handles.hpp"

namespace indrnn::cuda {
namespace {

std::string text_of(int capability) {
  return std::to_string(capability / 10) + "." + std::to_string(capability % 10);
}

}  // namespace

void check_capability(const std::string& what, int device, int least) {
  const int capability = 10 * device_attribute(cudaDevAttrComputeCapabilityMajor, device) +
                         device_attribute(cudaDevAttrComputeCapabilityMinor, device);
  if (capability >= least) return;
  throw DeviceError("[network] " + what + " needs a GPU of compute capability " + text_of(least) +
                    " or later; 'cuda:" + std::to_string(device) + "' has " + text_of(capability));
}

}  // namespace indrnn::cuda
