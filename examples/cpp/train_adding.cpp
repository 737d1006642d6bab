// Trains the adding problem in C++: a sequence of random numbers, two of which are marked, and their sum to predict.
// Always answering 1 has a mean squared error of 0.167; ends with status 0 when training gets below 0.02.
#include <indrnn/indrnn.hpp>

#include <cstdint>
#include <cstdio>
#include <random>

namespace {

constexpr std::int64_t time_steps = 100, batch = 50, most_iterations = 4000;

// x [T, B, 2]: a number in [0, 1) and a mark; target [B, 1]. One mark lies in each half of the sequence.
void draw(std::mt19937& generator, indrnn::Tensor& x, indrnn::Tensor& target) {
  std::uniform_real_distribution<float> number(0.0F, 1.0F);
  std::uniform_int_distribution<std::int64_t> position(0, time_steps / 2 - 1);
  for (std::int64_t i = 0; i < time_steps * batch; ++i) {
    x.data<float>()[2 * i] = number(generator);
    x.data<float>()[2 * i + 1] = 0.0F;
  }
  for (std::int64_t b = 0; b < batch; ++b) {
    target.data<float>()[b] = 0.0F;
    for (const std::int64_t half : {std::int64_t{0}, time_steps / 2}) {
      float* element = x.data<float>() + 2 * ((half + position(generator)) * batch + b);
      element[1] = 1.0F;
      target.data<float>()[b] += element[0];
    }
  }
}

int train() {
  namespace nn = indrnn::nn;
  const nn::LayerSpec layers[] = {nn::IndRNN{.size = 64}, nn::IndRNN{.size = 64}, nn::LastStep{},
                                  nn::Linear{.size = 1}};
  indrnn::Network network = indrnn::Network::create(layers, {.input_size = 2, .seed = 3});
  indrnn::optim::Adam adam(network, {.lr = 2e-3});

  std::mt19937 generator(1);
  indrnn::Tensor x({time_steps, batch, 2}, indrnn::DType::float32);
  indrnn::Tensor target({batch, 1}, indrnn::DType::float32);
  indrnn::Tensor dy({batch, 1}, indrnn::DType::float32);
  double average = 1.0;
  for (int iteration = 1; iteration <= most_iterations; ++iteration) {
    draw(generator, x, target);
    indrnn::Tensor y = network.forward(x.view(), {.training = true});
    const double loss = indrnn::losses::mean_squared_error(y.view(), target.view(), {}, dy.view());
    network.zero_gradients();
    network.backward(dy.view());
    adam.step();
    average += 0.02 * (loss - average);
    if (iteration % 200 == 0) std::printf("iteration %4d: mean squared error %.4f\n", iteration, average);
    if (average < 0.02) {
      std::printf("reached %.4f after %d iterations, indrnn_engine %s\n", average, iteration,
                  indrnn::version());
      return 0;
    }
  }
  std::fprintf(stderr, "the mean squared error is still %.4f\n", average);
  return 1;
}

}  // namespace

int main() {
  try {
    return train();
  } catch (const indrnn::Error& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 2;
  }
}
