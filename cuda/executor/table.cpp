// All nodes. The files are named as the CPU's (cpp/src/layers).
#include "executor/runner.hpp"
#include "indrnn/error.hpp"

namespace indrnn::cuda {

std::vector<CudaNode> batch_norm_nodes();
std::vector<CudaNode> batch_norm_step_nodes();
std::vector<CudaNode> bidirectional_nodes();
std::vector<CudaNode> dropout_nodes();
std::vector<CudaNode> embedding_nodes();
std::vector<CudaNode> fork_nodes();
std::vector<CudaNode> input_output_nodes();
std::vector<CudaNode> last_step_nodes();
std::vector<CudaNode> layer_norm_nodes();
std::vector<CudaNode> linear_nodes();
std::vector<CudaNode> mean_over_time_nodes();
std::vector<CudaNode> recurrence_nodes();
std::vector<CudaNode> residual_nodes();
std::vector<CudaNode> time_difference_nodes();
std::vector<CudaNode> zoneout_nodes();

namespace {

const std::vector<CudaNode>& table() {
  static const std::vector<CudaNode> nodes = [] {
    std::vector<CudaNode> all;
    for (const auto& nodes_of : {
             batch_norm_nodes,
             batch_norm_step_nodes,
             bidirectional_nodes,
             dropout_nodes,
             embedding_nodes,
             fork_nodes,
             input_output_nodes,
             last_step_nodes,
             layer_norm_nodes,
             linear_nodes,
             mean_over_time_nodes,
             recurrence_nodes,
             residual_nodes,
             time_difference_nodes,
             zoneout_nodes,
         }) {
      for (const CudaNode& node : nodes_of()) all.push_back(node);
    }
    return all;
  }();
  return nodes;
}

}  // namespace

const CudaNode& find_cuda_node(const std::string& type) {
  for (const CudaNode& node : table()) {
    if (type == node.type) return node;
  }
  throw Error("[network] the CUDA backend has no node '" + type + "'");
}

}  // namespace indrnn::cuda
