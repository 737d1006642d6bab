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

// Learned vectors: int64 indices [T, B] -> [T, B, size]. Only as a first layer. In training each vector is zero for
// the whole call with probability row_dropout, and scaled by 1 / (1 - row_dropout) otherwise.
struct Embedding {
  std::int64_t num = 0;
  std::int64_t size = 0;
  double row_dropout = 0.0;
  std::string init = "uniform";
  double init_scale = 0.01;

  static const char* type_name() { return "Embedding"; }
  template <class Visitor>
  void visit(Visitor&& field) {
    field("num", num), field("size", size), field("row_dropout", row_dropout);
    field("init", init), field("init_scale", init_scale);
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

// h_t = act(z_t + u * h_{t-1}) with u = weight_hh [F].
// activation: "relu", "tanh", "sigmoid" or "identity". init of u: "uniform": U(init_low, init_high); "normal": their
// mean, half their distance as deviation. zoneout: in training h_t = h_{t-1} with this probability for each step,
// sample and neuron; otherwise the mean of the two, h_t = zoneout h_{t-1} + (1 - zoneout) act(...) (Krueger et al. 2017).
struct Recurrence {
  std::string activation = "relu";
  double zoneout = 0.0;
  std::string init = "uniform";
  double init_low = 0.0;
  double init_high = 1.0;

  static const char* type_name() { return "Recurrence"; }
  template <class Visitor>
  void visit(Visitor&& field) {
    field("activation", activation), field("zoneout", zoneout), field("init", init);
    field("init_low", init_low), field("init_high", init_high);
  }
};

// Linear followed by Recurrence: h_t = act(W x_t + b + u * h_{t-1}). init and init_scale are W's.
struct IndRNN {
  std::int64_t size = 0;
  std::string activation = "relu";
  bool bias = true;
  double zoneout = 0.0;
  std::string init = "kaiming_uniform";
  double init_scale = 8.0;
  std::string recurrent_init = "uniform";
  double init_low = 0.0;
  double init_high = 1.0;

  static const char* type_name() { return "IndRNN"; }
  template <class Visitor>
  void visit(Visitor&& field) {
    field("size", size), field("activation", activation), field("bias", bias), field("zoneout", zoneout);
    field("init", init), field("init_scale", init_scale), field("recurrent_init", recurrent_init);
    field("init_low", init_low), field("init_high", init_high);
  }
};

// y = (x - mean) / sqrt(variance + epsilon) * weight + bias; weight starts at init_weight.
// In training the batch's statistics, otherwise running_mean and running_var, which follow with
// running += momentum * (batch - running), unbiased variance. What is past a sequence's length does not count.
// mode "sequence": over all T * B steps of a feature; running statistics [F].
// mode "step": over the B samples of each time step; running statistics [4 N + 1, F] with N = time_steps, at row
// min(start, 2 N) + t (at most the last), where start counts the steps since the state was reset.
struct BatchNorm {
  std::string mode = "sequence";
  std::int64_t time_steps = 0;  // mode "step" only
  double momentum = 0.1;
  double epsilon = 1e-5;
  double init_weight = 1.0;

  static const char* type_name() { return "BatchNorm"; }
  template <class Visitor>
  void visit(Visitor&& field) {
    field("mode", mode), field("time_steps", time_steps), field("momentum", momentum);
    field("epsilon", epsilon), field("init_weight", init_weight);
  }
};

// y = (x - mean) / sqrt(variance + epsilon) * weight + bias over the features of each step (Ba et al. 2016).
struct LayerNorm {
  double epsilon = 1e-5;

  static const char* type_name() { return "LayerNorm"; }
  template <class Visitor>
  void visit(Visitor&& field) {
    field("epsilon", epsilon);
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

// [T, B, F] -> [B, F]: the mean over the real steps of each sequence; zero for a sequence of length 0.
struct MeanOverTime {
  static const char* type_name() { return "MeanOverTime"; }
  template <class Visitor>
  void visit(Visitor&&) {}
};

// y_t = x_t - x_{t-1}; zero at a step that has none before it (at the start, and where the state is reset).
struct TimeDifference {
  static const char* type_name() { return "TimeDifference"; }
  template <class Visitor>
  void visit(Visitor&&) {}
};

// y = E x + b with the weights E [num, size] of the network's Embedding; bias [num].
struct TiedLinear {
  bool bias = true;

  static const char* type_name() { return "TiedLinear"; }
  template <class Visitor>
  void visit(Visitor&& field) {
    field("bias", bias);
  }
};

// y = x + layers(x).
struct Residual {
  std::vector<LayerSpec> layers;

  static const char* type_name() { return "Residual"; }
  template <class Visitor>
  void visit(Visitor&&) {}
};

// y = [x, layers(x)]: the output joined to the input (dense connection).
struct Concat {
  std::vector<LayerSpec> layers;

  static const char* type_name() { return "Concat"; }
  template <class Visitor>
  void visit(Visitor&&) {}
};

// y = [layers(x), layers'(x reversed) reversed]: two sets of weights, lengths respected. Not for `step`.
struct Bidirectional {
  std::vector<LayerSpec> layers;

  static const char* type_name() { return "Bidirectional"; }
  template <class Visitor>
  void visit(Visitor&&) {}
};

template <class Spec, class>
LayerSpec::LayerSpec(Spec spec) : type(Spec::type_name()) {
  spec.visit([this](const char* name, auto& value) { fields.emplace(name, FieldValue(value)); });
  if constexpr (requires { spec.layers; }) layers = std::move(spec.layers);
}

}  // namespace indrnn::nn
