// What a plan keeps for backward and what it runs again: right, and in time that grows with the layers alone.
#include <chrono>
#include <vector>

#include "batch.hpp"
#include "plan/program.hpp"
#include "plan/tuning.hpp"

namespace indrnn::testing {
namespace {

using nn::LayerSpec;

// Layers whose forward is cheap enough to run again, one behind the other.
std::vector<LayerSpec> cheap_chain(int count) {
  const std::vector<LayerSpec> kinds = {nn::LayerNorm{}, nn::Dropout{.p = 0.2}, nn::LayerNorm{}};
  std::vector<LayerSpec> layers = {nn::IndRNN{.size = 4}};
  for (int i = 0; i < count; ++i) layers.push_back(kinds[static_cast<std::size_t>(i) % kinds.size()]);
  layers.push_back(nn::Linear{.size = 2});
  return layers;
}

TEST(Program, LongChainsOfCheapLayersArePlannedInNoTime) {
  Network network = make_network(std::vector<LayerSpec>(2000, nn::LayerNorm{}), 1);
  const auto start = std::chrono::steady_clock::now();
  network.workspace_bytes(1, 1, true, true);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
}

TEST(Program, BackwardRunsAFewNodesAgainForEach) {
  const Graph graph = make_graph(cheap_chain(300), 3);
  const Program program = make_program(graph, {.training = true, .keep = true});
  std::size_t again = 0, in_a_row = 0, most_in_a_row = 0;
  for (const Segment& segment : program.segments) {
    for (const Instruction& instruction : segment.backward) {
      in_a_row = instruction.direction == Direction::again ? in_a_row + 1 : 0;
      most_in_a_row = std::max(most_in_a_row, in_a_row);
      again += in_a_row > 0 ? 1 : 0;
    }
  }
  EXPECT_GT(again, 0u);
  EXPECT_EQ(most_in_a_row, static_cast<std::size_t>(tuning::most_nodes_run_again));
}

TEST(Program, GradientsOfLongChainsOfCheapLayersAreDerivatives) {
  for (const char* memory : {"store", "recompute"}) {
    NetworkOptions options{.input_size = 3, .dtype = DType::float64, .seed = 1};
    options.memory = memory;
    Network network = Network::create(cheap_chain(40), options);
    std::mt19937_64 random(5);
    fill_normal(network.parameters(), random);
    Batch batch(network, 5, 3);
    batch.options.training = true;
    expect_gradients_are_derivatives(network, batch);
  }
}

}  // namespace
}  // namespace indrnn::testing
