// The graph: what a list of layer specs means, before any size of batch or device is known.
//
// A network is lowered to nodes (one operation each) and values (what flows between them). Every value has exactly one
// producer and one consumer, so a gradient is always written, never added to. Sequence values lie sample-major inside
// the engine, [B, T, F]: a chunk of time of one sample, or all of several samples, is one run of memory.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "indrnn/nn.hpp"
#include "indrnn/tensor.hpp"

namespace indrnn {

struct Value {
  std::int64_t features = 0;  // F
  bool sequence = true;       // [B, T, F], otherwise [B, F]
  bool indices = false;       // int64 class indices, F = 1
  int producer = -1;          // node
  int consumer = -1;          // node
};

enum class Fill { zeros, ones, uniform, normal, kaiming_uniform, kaiming_normal };

// uniform: U(low, high). normal: N(low, high) (mean, standard deviation). kaiming_*: high is the negative slope a.
struct Initializer {
  Fill fill = Fill::zeros;
  double low = 0.0;
  double high = 0.0;
};

struct Parameter {
  std::string name;  // "0.weight"
  Shape shape;
  Initializer initializer;
  std::int64_t offset = 0;         // in the flat buffer
  std::int64_t vector_offset = 0;  // rank 1 only: place in the float64 sums of gradients
  bool is_vector() const { return shape.rank() == 1; }
};

// Not trained, but part of the model: running statistics.
struct Buffer {
  std::string name;
  Shape shape;
  double initial = 0.0;
  std::int64_t offset = 0;
};

struct StateSlot {
  std::string name;  // "0.hidden"
  std::int64_t features = 0;
};

// Where the walk through time must be finished for all samples before the next node starts.
enum class Barrier { none, in_training, always };

struct Node {
  std::string type{};  // key of the backends' tables
  std::string path{};  // "0", "2.1"
  nn::LayerSpec spec{};
  int index = 0;               // in Graph::nodes
  std::vector<int> inputs{};   // values
  std::vector<int> outputs{};  // values
  std::vector<int> parameters{};
  std::vector<int> buffers{};
  int state = -1;
  int fused_bias = -1;  // parameter of the Linear before, added here instead of there

  // What backward reads, and where results may lie over arguments.
  bool backward_reads_input = false;
  bool backward_reads_output = false;
  bool forward_in_place = false;
  bool backward_in_place = false;
  bool cheap = false;                 // forward is run again in backward instead of keeping its output
  bool transparent_forward = false;   // output is the input, untouched
  bool transparent_backward = false;  // input gradient is the output gradient, untouched
  Barrier barrier = Barrier::none;    // behind this node
  bool barrier_spans_time = true;     // false: what it waits for is all samples of each step
};

struct Graph {
  std::int64_t input_size = 0;
  std::vector<Value> values;
  std::vector<Node> nodes;  // in order of execution
  std::vector<Parameter> parameters;
  std::vector<Buffer> buffers;
  std::vector<StateSlot> states;
  std::int64_t parameter_elements = 0;
  std::int64_t vector_elements = 0;  // of rank-1 parameters
  std::int64_t buffer_elements = 0;
  int input = -1;   // value the Input node writes
  int output = -1;  // value the Output node reads

  bool takes_indices() const { return values[static_cast<std::size_t>(input)].indices; }
};

// What a layer's `lower` function builds with.
class GraphBuilder {
 public:
  explicit GraphBuilder(Graph& graph) : graph_(graph) {}

  const Value& value(int id) const { return graph_.values[static_cast<std::size_t>(id)]; }
  const Graph& graph() const { return graph_; }
  int add_value(const Value& value);
  int add_parameter(const std::string& name, Shape shape, const Initializer& initializer);
  int add_buffer(const std::string& name, Shape shape, double initial);
  int add_state(const std::string& name, std::int64_t features);
  // Adds the node; connects its inputs and outputs. Returns its index.
  int add_node(Node node);
  // Lowers `layers` one after the other; returns the last value. `path` prefixes the names ("" at the top).
  int lower(const std::vector<nn::LayerSpec>& layers, int input, const std::string& path);

 private:
  Graph& graph_;
};

// Throws InvalidArgument naming the layer and field at fault.
Graph make_graph(const std::vector<nn::LayerSpec>& layers, std::int64_t input_size);

}  // namespace indrnn
