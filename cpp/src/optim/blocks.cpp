#include "optim/blocks.hpp"

#include <cmath>

#include "backend/device_context.hpp"
#include "core/check.hpp"

namespace indrnn::optim {
namespace {

// Whether the last part of a dotted name is this one.
bool last_part_is(const std::string& name, const std::string& part) {
  return name == part || name.ends_with("." + part);
}

void append_blocks(std::vector<ParameterBlock>& blocks, std::int64_t begin, std::int64_t end, bool decayed) {
  for (; begin < end; begin += block_size)
    blocks.push_back({begin, std::min(end, begin + block_size), decayed});
}

}  // namespace

bool is_recurrent_weight(const std::string& name) { return last_part_is(name, "weight_hh"); }

std::vector<ParameterBlock> parameter_blocks(Network& network) {
  const TensorView flat = network.parameters();
  const auto size = static_cast<std::int64_t>(size_of(flat.dtype));
  std::vector<ParameterBlock> blocks;
  std::int64_t begin = 0, end = 0;  // neighbours that are treated alike, not yet cut
  bool decayed = false;
  for (const NamedView& parameter : network.named_parameters()) {
    const bool decay = !last_part_is(parameter.name, "bias") && !is_recurrent_weight(parameter.name);
    const std::int64_t offset = (parameter.view.as<char>() - flat.as<char>()) / size;
    if (decay != decayed) {
      append_blocks(blocks, begin, offset, decayed);
      begin = offset;
      decayed = decay;
    }
    end = offset + parameter.view.shape.elements();
  }
  append_blocks(blocks, begin, end, decayed);
  return blocks;
}

ParameterNumbers::ParameterNumbers(Network& network)
    : shape_(network.parameters().shape), dtype_(network.parameters().dtype) {
  if (const auto context = network.context(); context != nullptr) {
    device_ = context->allocate(static_cast<std::size_t>(shape_.elements()) * size_of(dtype_));
  } else {
    host_ = Tensor(shape_, dtype_);
  }
}

TensorView ParameterNumbers::view() {
  return {device_ != nullptr ? device_.get() : host_.data<void>(), shape_, dtype_};
}

void check_not_negative(const char* operation, const char* argument, double value) {
  if (!(value >= 0) || std::isinf(value))
    fail(operation, argument, "be a finite number >= 0", to_text(value));
}

void check_below_one(const char* operation, const char* argument, double value) {
  if (!(value >= 0 && value < 1)) fail(operation, argument, "be in [0, 1)", to_text(value));
}

}  // namespace indrnn::optim
