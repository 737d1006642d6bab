#include "executor/capability.hpp"

#include "indrnn/error.hpp"
#include "runtime/errors.hpp"

namespace indrnn::cuda {
namespace {

int attribute(cudaDeviceAttr which, int device) {
  int value = 0;
  check(cudaDeviceGetAttribute(&value, which, device), "asking what the device has");
  return value;
}

std::string text_of(int capability) {
  return std::to_string(capability / 10) + "." + std::to_string(capability % 10);
}

}  // namespace

void check_capability(const std::string& what, int device, int least) {
  const int capability = 10 * attribute(cudaDevAttrComputeCapabilityMajor, device) +
                         attribute(cudaDevAttrComputeCapabilityMinor, device);
  if (capability >= least) return;
  throw DeviceError("[network] " + what + " needs a GPU of compute capability " + text_of(least) +
                    " or later; 'cuda:" + std::to_string(device) + "' has " + text_of(capability));
}

}  // namespace indrnn::cuda
