// h_t = act(z_t + bias + u * h_{t-1})   (Li et al., CVPR 2018, eq. 2); bias is that of the Linear before, added here.
//   a_t = dh_t + u * dz_{t+1};  dz_t = act'(h_t) a_t;  du = sum dz_t h_{t-1};  dbias = sum dz_t;  dh_0 = u * dz_1
// Runs in place: h over z, dz over dh. Between chunks the state, and in backward its gradient, is carried.
#include <algorithm>
#include <cmath>

#include "backend/cpu/kernels/kernels.hpp"
#include "core/check.hpp"
#include "layers/activation.hpp"
#include "layers/initializers.hpp"
#include "layers/layer.hpp"

namespace indrnn {

int lower_linear(GraphBuilder& builder, const nn::Linear& spec, int input, const std::string& path,
                 const std::string& type);

namespace {

Initializer recurrent_initializer(const nn::Recurrence& spec, const std::string& path,
                                  const std::string& type) {
  if (spec.init == "uniform") return {Fill::uniform, spec.init_low, spec.init_high};
  if (spec.init == "normal") {
    return {Fill::normal, (spec.init_low + spec.init_high) / 2.0, (spec.init_high - spec.init_low) / 2.0};
  }
  throw_field_error(path, type, "init of weight_hh must be one of uniform, normal; got '" + spec.init + "'");
}

int lower_recurrence(GraphBuilder& builder, const nn::Recurrence& spec, int input, const std::string& path,
                     const std::string& type) {
  const Value from = read_sequence(builder, input, path, type);
  if (!find_activation(spec.activation)) throw_field_error(path, type, unknown_activation(spec.activation));
  if (!(spec.zoneout >= 0.0 && spec.zoneout < 1.0)) {
    throw_field_error(path, type, "zoneout must be at least 0 and below 1, got " + to_text(spec.zoneout));
  }
  if (!std::isfinite(spec.init_low) || !std::isfinite(spec.init_high) || spec.init_low > spec.init_high) {
    throw_field_error(path, type,
                      "init_low must not exceed init_high, both finite; got " + to_text(spec.init_low) +
                          " and " + to_text(spec.init_high));
  }
  Node node{.type = spec.zoneout > 0.0 ? "Zoneout" : "Recurrence", .path = path, .spec = spec};
  node.parameters = {
      builder.add_parameter(path + ".weight_hh", {from.features}, recurrent_initializer(spec, path, type))};
  node.state = builder.add_state(path + ".hidden", from.features);
  const int output = builder.add_value({.features = from.features, .sequence = true});
  node.inputs = {input};
  node.outputs = {output};
  node.backward_reads_output = true;
  node.backward_reads_input = spec.zoneout > 0.0;
  node.forward_in_place = spec.zoneout == 0.0;
  node.backward_in_place = true;
  builder.add_node(std::move(node));
  return output;
}

template <class T>
class Recurrence : public cpu::Runner<T> {
 public:
  Recurrence(const Graph& graph, const Node& node)
      : cpu::Runner<T>(graph, node),
        activation_(*find_activation(read_spec<nn::Recurrence>(node.spec, node.path).activation)) {}

  void forward(cpu::Run<T>& run, const cpu::Chunk& chunk) const override {
    const std::int64_t features = this->input_value().features;
    T* state = run.carry(this->node_.state, chunk);
    if (run.mode().keep) std::copy_n(state, chunk.samples * features, run.boundary(this->node_.state, chunk));
    kernels_.recurrence_forward[static_cast<int>(activation_)]({
        .z = run.value(this->node_.inputs[0], chunk),
        .h = run.value(this->node_.outputs[0], chunk),
        .samples = chunk.samples,
        .steps = chunk.steps,
        .features = features,
        .sample_stride = chunk.steps * features,
        .step_stride = features,
        .u = run.parameter(this->node_.parameters[0]),
        .bias = this->node_.fused_bias < 0 ? nullptr : run.parameter(this->node_.fused_bias),
        .state = state,
        .valid = chunk.valid,
        .resets = resets(run, chunk),
        .reset_sample_stride = 1,
        .reset_step_stride = run.geometry().batch,
    });
  }

  void backward(cpu::Run<T>& run, const cpu::Chunk& chunk) const override {
    const std::int64_t features = this->input_value().features;
    kernels_.recurrence_backward[static_cast<int>(activation_)]({
        .dh = run.gradient(this->node_.outputs[0], chunk),
        .h = run.value(this->node_.outputs[0], chunk),
        .dz = run.gradient(this->node_.inputs[0], chunk),
        .samples = chunk.samples,
        .steps = chunk.steps,
        .features = features,
        .sample_stride = chunk.steps * features,
        .step_stride = features,
        .u = run.parameter(this->node_.parameters[0]),
        .state = run.boundary(this->node_.state, chunk),
        .state_gradient = run.carry_gradient(this->node_.state, chunk),
        .du = run.vector_gradient(this->node_.parameters[0], chunk.lane),
        .dbias =
            this->node_.fused_bias < 0 ? nullptr : run.vector_gradient(this->node_.fused_bias, chunk.lane),
        .valid = chunk.valid,
        .resets = resets(run, chunk),
        .reset_sample_stride = 1,
        .reset_step_stride = run.geometry().batch,
    });
  }

 private:
  static const std::uint8_t* resets(const cpu::Run<T>& run, const cpu::Chunk& chunk) {
    return run.resets == nullptr ? nullptr
                                 : run.resets + chunk.first_step * run.geometry().batch + chunk.first_sample;
  }

  cpu::Activation activation_;
  const cpu::Kernels<T>& kernels_ = cpu::kernels<T>();
};

int lower(GraphBuilder& builder, const nn::LayerSpec& spec, int input, const std::string& path) {
  return lower_recurrence(builder, read_spec<nn::Recurrence>(spec, path), input, path, spec.type);
}

// IndRNN = Linear + Recurrence under one path.
int lower_indrnn(GraphBuilder& builder, const nn::LayerSpec& generic, int input, const std::string& path) {
  const auto spec = read_spec<nn::IndRNN>(generic, path);
  const nn::Linear linear{
      .size = spec.size, .bias = spec.bias, .init = spec.init, .init_scale = spec.init_scale};
  const nn::Recurrence recurrence{.activation = spec.activation,
                                  .zoneout = spec.zoneout,
                                  .init = spec.recurrent_init,
                                  .init_low = spec.init_low,
                                  .init_high = spec.init_high};
  return lower_recurrence(builder, recurrence, lower_linear(builder, linear, input, path, generic.type), path,
                          generic.type);
}

}  // namespace

LayerEntry recurrence_layer() { return layer<nn::Recurrence>(lower, {cpu_node<Recurrence>("Recurrence")}); }

LayerEntry indrnn_layer() { return layer<nn::IndRNN>(lower_indrnn); }

}  // namespace indrnn
