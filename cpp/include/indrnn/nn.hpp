// Layer specs: plain data that says what a network is made of. Each struct has the fields of its Python twin
// (indrnn_engine.nn) and of its JSON form {"type": "Linear", "size": 128, "bias": true}.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace indrnn::nn {

using FieldValue = std::variant<bool, std::int64_t, double, std::string>;

// Any layer, whatever its type: what a network is created from and what its JSON holds.
struct LayerSpec {
  std::string type;
  std::map<std::string, FieldValue> fields;
  std::vector<LayerSpec> layers;  // of containers

  LayerSpec() = default;
  template <class Spec, class = decltype(&Spec::type_name)>
  LayerSpec(Spec spec);  // from any struct below
  bool operator==(const LayerSpec&) const = default;
};

// Learned vectors: int64 indices [T, B] -> [T, B, size]. Only as a first layer.
struct Embedding {
  std::int64_t num = 0;
  std::int64_t size = 0;
  std::string init = "uniform";
  double init_scale = 0.01;

  static const char* type_name() { return "Embedding"; }
  template <class Visitor>
  void visit(Visitor&& field) {
    field("num", num), field("size", size), field("init", init), field("init_scale", init_scale);
  }
};

// y = W x + b;  weight [size, F], bias [size].
// init: "kaiming_uniform" (init_scale = the negative slope a; the authors use 8), "kaiming_normal" (a),
// "uniform" (-init_scale, init_scale), "normal" (standard deviation init_scale). Biases start at 0.
struct Linear {
  std::int64_t size = 0;
  bool bias = true;
  std::string init = "kaiming_uniform";
  double init_scale = 8.0;

  static const char* type_name() { return "Linear"; }
  template <class Visitor>
  void visit(Visitor&& field) {
    field("size", size), field("bias", bias), field("init", init), field("init_scale", init_scale);
  }
};

// h_t = act(z_t + u * h_{t-1}) with u = weight_hh [F], started from U(init_low, init_high).
// activation: "relu", "tanh", "sigmoid" or "identity".
struct Recurrence {
  std::string activation = "relu";
  double init_low = 0.0;
  double init_high = 1.0;

  static const char* type_name() { return "Recurrence"; }
  template <class Visitor>
  void visit(Visitor&& field) {
    field("activation", activation), field("init_low", init_low), field("init_high", init_high);
  }
};

// Linear followed by Recurrence: h_t = act(W x_t + b + u * h_{t-1}).
struct IndRNN {
  std::int64_t size = 0;
  std::string activation = "relu";
  bool bias = true;
  std::string init = "kaiming_uniform";
  double init_scale = 8.0;
  double init_low = 0.0;
  double init_high = 1.0;

  static const char* type_name() { return "IndRNN"; }
  template <class Visitor>
  void visit(Visitor&& field) {
    field("size", size), field("activation", activation), field("bias", bias), field("init", init);
    field("init_scale", init_scale), field("init_low", init_low), field("init_high", init_high);
  }
};

// y = (x - mean) / sqrt(variance + epsilon) * weight + bias.
// mode "sequence": statistics over all T * B real samples of a feature. In training the batch's, otherwise
// running_mean and running_var, which follow with running += momentum * (batch - running), unbiased variance.
struct BatchNorm {
  std::string mode = "sequence";
  double momentum = 0.1;
  double epsilon = 1e-5;

  static const char* type_name() { return "BatchNorm"; }
  template <class Visitor>
  void visit(Visitor&& field) {
    field("mode", mode), field("momentum", momentum), field("epsilon", epsilon);
  }
};

// In training, zeroes a feature of a sample with probability p for the whole sequence and scales the rest by
// 1 / (1 - p).
struct Dropout {
  double p = 0.5;

  static const char* type_name() { return "Dropout"; }
  template <class Visitor>
  void visit(Visitor&& field) {
    field("p", p);
  }
};

// [T, B, F] -> [B, F]: the last real step of each sequence.
struct LastStep {
  static const char* type_name() { return "LastStep"; }
  template <class Visitor>
  void visit(Visitor&&) {}
};

template <class Spec, class>
LayerSpec::LayerSpec(Spec spec) : type(Spec::type_name()) {
  spec.visit([this](const char* name, auto& value) { fields.emplace(name, FieldValue(value)); });
  if constexpr (requires { spec.layers; }) layers = std::move(spec.layers);
}

}  // namespace indrnn::nn
