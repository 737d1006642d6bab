// Fewer samples than threads: the threads share the layers of a sample. The bits must be those of one thread.
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "indrnn/indrnn.hpp"
#include "support.hpp"

namespace indrnn {
namespace {

using testing::normal_tensor;
using Layers = std::vector<nn::LayerSpec>;

Layers plain() {
  return {nn::IndRNN{.size = 17}, nn::Dropout{.p = 0.2}, nn::IndRNN{.size = 20, .activation = "tanh"},
          nn::IndRNN{.size = 9}, nn::Linear{.size = 3}};
}

Layers residual() {
  Layers layers{nn::Linear{.size = 12}};
  for (int block = 0; block < 3; ++block) {
    layers.push_back(
        nn::Residual{{nn::Recurrence{}, nn::LayerNorm{}, nn::Dropout{.p = 0.1}, nn::Linear{.size = 12},
                      nn::Recurrence{.activation = "sigmoid"}, nn::Linear{.size = 12}}});
  }
  return layers;
}

Layers with_norms() {
  return {nn::IndRNN{.size = 10},
          nn::IndRNN{.size = 10},
          nn::BatchNorm{},
          nn::IndRNN{.size = 10},
          nn::BatchNorm{.mode = "step", .time_steps = 10},
          nn::IndRNN{.size = 7},
          nn::LastStep{},
          nn::Linear{.size = 2}};
}

// y, final state, gradients and dx of one training step.
std::vector<double> train(const Layers& layers, const std::string& memory, int threads) {
  const std::int64_t time_steps = 5000, batch = 1, inputs = 2;
  set_num_threads(threads);
  Network network =
      Network::create(layers, {.input_size = inputs, .dtype = DType::float64, .seed = 5, .memory = memory});
  std::mt19937_64 random(3);
  const Tensor x = normal_tensor({time_steps, batch, inputs}, random);
  Tensor y(network.output_shape(time_steps, batch), DType::float64), dx(x.shape(), DType::float64);
  State state = network.initial_state(batch);
  network.forward(x.view(), y.view(), state, {.training = true});
  const Tensor dy = normal_tensor(y.shape(), random);
  State dstate = network.initial_state(batch);
  network.backward(dy.view(), dx.view(), &dstate);
  std::vector<double> all;
  for (ConstTensorView view :
       {ConstTensorView(y.view()), ConstTensorView(state.flat.view()), ConstTensorView(network.gradients()),
        ConstTensorView(dx.view()), ConstTensorView(dstate.flat.view())}) {
    all.insert(all.end(), view.as<double>(), view.as<double>() + view.shape.elements());
  }
  return all;
}

bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0;
}

class Wavefront : public ::testing::Test {
 protected:
  void TearDown() override { set_num_threads(before_); }
  int before_ = num_threads();
};

TEST_F(Wavefront, GivesTheBitsOfOneThread) {
  for (const Layers& layers : {plain(), residual(), with_norms()}) {
    const std::vector<double> one = train(layers, "store", 1);
    for (int threads : {2, 3, 5}) EXPECT_TRUE(same_bits(one, train(layers, "store", threads))) << threads;
  }
}

TEST_F(Wavefront, GivesTheBitsOfOneThreadWhereWindowsAreRunAgain) {
  for (const Layers& layers : {plain(), residual()}) {
    const std::vector<double> one = train(layers, "store", 1);
    for (int threads : {1, 3}) EXPECT_TRUE(same_bits(one, train(layers, "recompute", threads))) << threads;
  }
}

TEST_F(Wavefront, AnInterruptEndsAllItsThreads) {
  set_num_threads(3);
  Network network = Network::create(plain(), {.input_size = 1});
  const Tensor x({200000, 1, 1}, DType::float32);
  set_interrupt_check([] { return true; });
  EXPECT_THROW(network.forward(x.view()), Interrupted);
  set_interrupt_check(nullptr);
  EXPECT_NO_THROW(network.forward(x.view()));
}

}  // namespace
}  // namespace indrnn
