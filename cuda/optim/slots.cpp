#include <cstring>

#include "optim/numbers.hpp"

namespace indrnn::cuda {
namespace {

bool same(const std::vector<optim::ParameterBlock>& a, const std::vector<optim::ParameterBlock>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i].begin != b[i].begin || a[i].end != b[i].end || a[i].decayed != b[i].decayed) return false;
  }
  return true;
}

}  // namespace

// By the address of the optimizer's blocks; compared all the same, as an address may come again.
OptimizerSlot& Context::optimizer_slot(const std::vector<optim::ParameterBlock>& blocks) {
  std::shared_ptr<OptimizerSlot>& slot = optimizers_[&blocks];
  if (slot == nullptr || !same(slot->blocks, blocks)) {
    slot = std::make_shared<OptimizerSlot>();
    slot->blocks = blocks;
    const std::size_t bytes = blocks.size() * sizeof(optim::ParameterBlock);
    slot->device_blocks = allocate_device(bytes);
    upload(blocks.data(), slot->device_blocks.get(), bytes);
  }
  if (capturing()) keep_alive(slot);
  return *slot;
}

}  // namespace indrnn::cuda
