// y = [x, layers(x)]: dense connection.
#include "layers/fork.hpp"
#include "layers/layer.hpp"

namespace indrnn {
namespace {

int lower(GraphBuilder& builder, const nn::LayerSpec& generic, int input, const std::string& path) {
  const auto spec = read_spec<nn::Concat>(generic, path);
  if (spec.layers.empty())
    throw_field_error(path, generic.type, "layers must hold at least one layer, got none");
  const auto [skip, start] = add_fork(builder, input, path);
  const int branch = builder.lower(spec.layers, start, path);
  if (builder.value(skip).sequence != builder.value(branch).sequence) {
    throw_field_error(path, generic.type, "layers must give a sequence if they are given one, got one step");
  }
  return add_join(builder, skip, branch, path);
}

}  // namespace

LayerEntry concat_layer() { return layer<nn::Concat>(lower); }

}  // namespace indrnn
