// Why a layer has no place in a Model.
#include "indrnn/error.hpp"
#include "inference/program.hpp"

namespace indrnn::inference {

void throw_no_streaming_form(const Node& node) {
  const bool reverses = node.type.starts_with("Reverse.");
  throw InvalidArgument("[model] layer " + node.path + " (" +
                        (node.spec.type.empty() ? node.type : node.spec.type) +
                        ") cannot run step by step: " +
                        (reverses ? "it reads the sequence from its end" : "it has no streaming form"));
}

}  // namespace indrnn::inference
