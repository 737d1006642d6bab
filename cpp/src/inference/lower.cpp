// From a network's graph to the operations of one step.
//
// A batch norm of running statistics is y = scale x + offset. Behind a Linear that feeds nothing else it goes into that
// Linear's rows; elsewhere it waits, and the next Linear takes it into its columns; only where neither is possible it
// becomes an operation. All of this in float64, rounded once when the weights are packed.
#include <cmath>
#include <functional>
#include <map>

#include "core/check.hpp"
#include "core/dispatch.hpp"
#include "indrnn/error.hpp"
#include "inference/program.hpp"
#include "layers/activation.hpp"
#include "layers/layer.hpp"
#include "plan/graph.hpp"

namespace indrnn::inference {
namespace {

using Numbers = std::vector<double>;

// What a value of the graph is while it is lowered: scale * place + offset.
struct Flow {
  int place = caller_input;
  std::int64_t features = 0;
  Numbers scale{}, offset{};  // [features], or empty: 1 and 0
  int open = -1;              // the product that wrote it and may still be changed
};

// A Dense before its weights are packed.
struct Product {
  std::size_t operation = 0;
  std::int64_t outputs = 0;
  Numbers weight, bias, u;  // [outputs, inputs], [outputs], [outputs] or empty
};

class Lowering {
 public:
  Lowering(const Network& network, const Graph& graph) : network_(network), graph_(graph) {
    program_.dtype = network.options().dtype;
    program_.takes_indices = graph.takes_indices();
    program_.input_size = graph.input_size;
    lanes_ =
        dispatch_float(program_.dtype, [](auto zero) { return cpu::stream_table<decltype(zero)>().lanes; });
    flows_.resize(graph.values.size());
  }

  Program run() {
    for (const StateSlot& slot : graph_.states)
      program_.states.push_back({slot.name, add_place(slot.features)});
    for (const Node& node : graph_.nodes) lower(node);
    for (const Product& product : products_) pack(product);
    return std::move(program_);
  }

 private:
  void lower(const Node& node) {
    using Lower = void (Lowering::*)(const Node&);
    static const std::map<std::string, Lower> table = {
        {"Input", &Lowering::input},
        {"Output", &Lowering::output},
        {"Embedding", &Lowering::embedding},
        {"Linear", &Lowering::linear},
        {"Recurrence", &Lowering::recurrence},
        {"Zoneout", &Lowering::recurrence},
        {"BatchNorm.statistics", &Lowering::pass},
        {"BatchNorm.apply", &Lowering::batch_norm},
        {"BatchNormStep.statistics", &Lowering::pass},
        {"BatchNormStep.apply", &Lowering::batch_norm_step},
        {"LayerNorm", &Lowering::layer_norm},
        {"Dropout", &Lowering::pass},
        {"LastStep", &Lowering::pass},      // of one step: that step
        {"MeanOverTime", &Lowering::pass},  // the same
        {"TimeDifference", &Lowering::time_difference},
        {"Fork", &Lowering::fork},
        {"Add", &Lowering::add},
        {"Join", &Lowering::join},
    };
    const auto found = table.find(node.type);
    if (found == table.end()) {
      throw_no_streaming_form(node);
    }
    (this->*found->second)(node);
  }

  // Places and operations

  int add_place(std::int64_t features) {
    const std::int64_t stride = (features + lanes_ - 1) / lanes_ * lanes_;
    program_.places.push_back({features, stride, program_.row_elements});
    program_.row_elements += stride;
    return static_cast<int>(program_.places.size()) - 1;
  }

  Flow& in(const Node& node, std::size_t index = 0) {
    return flows_[static_cast<std::size_t>(node.inputs[index])];
  }
  void set_out(const Node& node, Flow flow) {
    flows_[static_cast<std::size_t>(node.outputs[0])] = std::move(flow);
  }

  // The place that holds the value itself.
  int settled(Flow& flow) {
    flow.open = -1;
    if (flow.scale.empty()) return flow.place;
    const int place = add_place(flow.features);
    program_.operations.emplace_back(ScaleOffset{flow.place, place, 0, tensor(flow.scale, flow.features),
                                                 tensor(flow.offset, flow.features)});
    flow = {place, flow.features, {}, {}, -1};
    return place;
  }

  Numbers numbers(const NamedView& named) const {
    return dispatch_float(program_.dtype, [&](auto zero) {
      const auto* first = named.view.as<decltype(zero)>();
      return Numbers(first, first + named.view.shape.elements());
    });
  }
  Numbers parameter(int id) const {
    return numbers(network_.named_parameters()[static_cast<std::size_t>(id)]);
  }
  Numbers buffer(int id) const { return numbers(network_.named_buffers()[static_cast<std::size_t>(id)]); }

  // In the network's dtype, with room for whole vectors.
  Tensor tensor(const Numbers& values, std::int64_t elements) const {
    Tensor result({std::max(elements, static_cast<std::int64_t>(values.size()))}, program_.dtype);
    dispatch_float(program_.dtype, [&](auto zero) {
      using T = decltype(zero);
      for (std::size_t i = 0; i < values.size(); ++i) result.data<T>()[i] = static_cast<T>(values[i]);
    });
    return result;
  }

  // Nodes

  void input(const Node& node) { set_out(node, {.features = graph_.input_size}); }

  void output(const Node& node) {
    program_.output = settled(in(node));
    program_.output_size = in(node).features;
  }

  void pass(const Node& node) { set_out(node, in(node)); }

  void fork(const Node& node) {
    in(node).open = -1;
    for (const int output : node.outputs) flows_[static_cast<std::size_t>(output)] = in(node);
  }

  void embedding(const Node& node) {
    const NamedView& table = network_.named_parameters()[static_cast<std::size_t>(node.parameters[0])];
    program_.classes = table.view.shape[0];
    const std::int64_t size = table.view.shape[1];
    const int place = add_place(size);
    program_.operations.emplace_back(Lookup{place, tensor(numbers(table), 0)});
    set_out(node, {.place = place, .features = size});
  }

  void linear(const Node& node) {
    const Flow& from = in(node);
    Product product{program_.operations.size(),
                    graph_.values[static_cast<std::size_t>(node.outputs[0])].features,
                    parameter(node.parameters[0]),
                    {},
                    {}};
    product.bias = node.parameters.size() > 1 ? parameter(node.parameters[1])
                                              : Numbers(static_cast<std::size_t>(product.outputs), 0.0);
    if (!from.scale.empty()) {
      for (std::size_t o = 0, at = 0; o < product.bias.size(); ++o) {
        for (std::size_t i = 0; i < from.scale.size(); ++i, ++at) {
          product.bias[o] += product.weight[at] * from.offset[i];
          product.weight[at] *= from.scale[i];
        }
      }
    }
    const int place = add_place(product.outputs);
    program_.operations.emplace_back(Dense{.input = from.place, .output = place, .inputs = from.features});
    set_out(node, {place, product.outputs, {}, {}, static_cast<int>(products_.size())});
    products_.push_back(std::move(product));
  }

  void batch_norm(const Node& node) {
    const auto spec = read_spec<nn::BatchNorm>(node.spec, node.path);
    Numbers scale = parameter(node.parameters[0]), offset = parameter(node.parameters[1]);
    const Numbers mean = buffer(node.buffers[0]), variance = buffer(node.buffers[1]);
    for (std::size_t f = 0; f < scale.size(); ++f) {
      scale[f] /= std::sqrt(variance[f] + spec.epsilon);
      offset[f] -= mean[f] * scale[f];
    }
    Flow flow = in(node);
    if (flow.open >= 0) {
      Product& product = products_[static_cast<std::size_t>(flow.open)];
      const std::size_t inputs = scale.empty() ? 0 : product.weight.size() / scale.size();
      for (std::size_t o = 0; o < scale.size(); ++o) {
        for (std::size_t i = 0; i < inputs; ++i) product.weight[o * inputs + i] *= scale[o];
        product.bias[o] = product.bias[o] * scale[o] + offset[o];
      }
    } else if (flow.scale.empty()) {
      flow.scale = std::move(scale);
      flow.offset = std::move(offset);
    } else {
      for (std::size_t f = 0; f < scale.size(); ++f) {
        flow.scale[f] *= scale[f];
        flow.offset[f] = flow.offset[f] * scale[f] + offset[f];
      }
    }
    set_out(node, std::move(flow));
  }

  void batch_norm_step(const Node& node) {
    const auto spec = read_spec<nn::BatchNorm>(node.spec, node.path);
    const Numbers weight = parameter(node.parameters[0]), bias = parameter(node.parameters[1]);
    Numbers offset = buffer(node.buffers[0]), scale = buffer(node.buffers[1]);  // mean and variance by step
    for (std::size_t i = 0; i < scale.size(); ++i) {
      const std::size_t f = i % weight.size();
      scale[i] = weight[f] / std::sqrt(scale[i] + spec.epsilon);
      offset[i] = bias[f] - offset[i] * scale[i];
    }
    const std::int64_t features = in(node).features;
    const int input = settled(in(node)), place = add_place(features);
    // The row of a step that is run alone, as Network::step finds it.
    program_.operations.emplace_back(
        ScaleOffset{input, place, 2 * spec.time_steps, tensor(scale, 0), tensor(offset, 0)});
    set_out(node, {.place = place, .features = features});
  }

  void recurrence(const Node& node) {
    const auto spec = read_spec<nn::Recurrence>(node.spec, node.path);
    Flow from = in(node);
    const int state = program_.states[static_cast<std::size_t>(node.state)].place;
    if (from.open < 0) {
      if (from.place == caller_input && from.scale.empty()) {
        // The kernel reads whole vectors, and the caller's rows may end within one: they are copied to a place first.
        from.scale.assign(static_cast<std::size_t>(from.features), 1.0);
        from.offset.assign(static_cast<std::size_t>(from.features), 0.0);
      }
      const int addend = settled(from);
      products_.push_back({program_.operations.size(),
                           from.features,
                           {},
                           Numbers(static_cast<std::size_t>(from.features), 0.0),
                           {}});
      from.open = static_cast<int>(products_.size()) - 1;
      program_.operations.emplace_back(Dense{.addend = addend});
    }
    Product& product = products_[static_cast<std::size_t>(from.open)];
    if (node.fused_bias >= 0) {
      const Numbers bias = parameter(node.fused_bias);
      for (std::size_t f = 0; f < bias.size(); ++f) product.bias[f] += bias[f];
    }
    product.u = parameter(node.parameters[0]);
    Dense& dense = std::get<Dense>(program_.operations[product.operation]);
    dense.output = state;
    dense.activation = *find_activation(spec.activation);
    dense.zoneout = spec.zoneout;
    set_out(node, {.place = state, .features = from.features});
  }

  void layer_norm(const Node& node) {
    const auto spec = read_spec<nn::LayerNorm>(node.spec, node.path);
    const std::int64_t features = in(node).features;
    const int input = settled(in(node)), place = add_place(features);
    program_.operations.emplace_back(Normalize{input, place, spec.epsilon,
                                               tensor(parameter(node.parameters[0]), 0),
                                               tensor(parameter(node.parameters[1]), 0)});
    set_out(node, {.place = place, .features = features});
  }

  void time_difference(const Node& node) {
    const std::int64_t features = in(node).features;
    const int input = settled(in(node)), place = add_place(features);
    const int previous = program_.states[static_cast<std::size_t>(node.state)].place;
    program_.operations.emplace_back(Difference{input, place, previous});
    set_out(node, {.place = place, .features = features});
  }

  void add(const Node& node) {
    const std::int64_t features = in(node).features;
    const int first = settled(in(node)), second = settled(in(node, 1)), place = add_place(features);
    program_.operations.emplace_back(Sum{first, second, place});
    set_out(node, {.place = place, .features = features});
  }

  void join(const Node& node) {
    const std::int64_t features = in(node).features + in(node, 1).features;
    const int first = settled(in(node)), second = settled(in(node, 1)), place = add_place(features);
    program_.operations.emplace_back(Joined{first, second, place});
    set_out(node, {.place = place, .features = features});
  }

  void pack(const Product& product) {
    Dense& dense = std::get<Dense>(program_.operations[product.operation]);
    const std::int64_t stride = program_.places[static_cast<std::size_t>(dense.output)].stride;
    dense.bias = tensor(product.bias, stride);
    if (!product.u.empty()) dense.u = tensor(product.u, stride);
    if (dense.inputs == 0) return;
    dense.weights = Tensor({stride, dense.inputs}, program_.dtype);
    dispatch_float(program_.dtype, [&](auto zero) {
      using T = decltype(zero);
      cpu::stream_table<T>().pack(product.outputs, dense.inputs, stride, product.weight.data(),
                                  dense.weights.data<T>());
    });
  }

  const Network& network_;
  const Graph& graph_;
  Program program_;
  std::vector<Flow> flows_;
  std::vector<Product> products_;
  std::int64_t lanes_ = 1;
};

}  // namespace

Program make_program(const Network& network) {
  if (network.options().device != "cpu") {
    fail("model", "network", "be on the device cpu",
         network.options().device + ": save it and load the file");
  }
  const Graph graph = make_graph(network.layers(), network.options().input_size);
  return Lowering(network, graph).run();
}

}  // namespace indrnn::inference
