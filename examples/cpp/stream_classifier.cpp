// Classifies a stream as it comes: reads one sample a line from the standard input, its features separated by blanks,
// and writes the most probable class and its probability after each.
//   stream_classifier model.safetensors < samples.txt
#include <indrnn/indrnn.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

namespace {

// Index of the largest value, and its share of the softmax.
std::pair<std::size_t, float> most_probable(const std::vector<float>& logits) {
  const auto best = std::ranges::max_element(logits);
  float sum = 0.0F;
  for (const float logit : logits) sum += std::exp(logit - *best);
  return {static_cast<std::size_t>(best - logits.begin()), 1.0F / sum};
}

int classify(const char* path) {
  const indrnn::Model model = indrnn::Model::load(path);
  if (model.takes_indices() || model.dtype() != indrnn::DType::float32) {
    std::fprintf(stderr, "error: %s must be a float32 network that reads features\n", path);
    return 2;
  }
  indrnn::Session session(model);
  std::vector<float> x(static_cast<std::size_t>(model.input_size()));
  std::vector<float> y(static_cast<std::size_t>(model.output_size()));
  const indrnn::ConstTensorView sample(x.data(), {1, model.input_size()});
  const indrnn::TensorView logits(y.data(), {1, model.output_size()});
  std::string line;
  for (long number = 1; std::getline(std::cin, line); ++number) {
    std::istringstream words(line);
    for (float& value : x) words >> value;
    if (!words) {
      std::fprintf(stderr, "error: line %ld must hold %zu numbers\n", number, x.size());
      return 1;
    }
    session.step(sample, logits);
    const auto [best, probability] = most_probable(y);
    std::printf("%zu %.6f\n", best, static_cast<double>(probability));
    std::fflush(stdout);  // whoever listens wants it now
  }
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) {
    std::fprintf(stderr, "usage: %s model.safetensors < samples\n", arguments[0]);
    return 2;
  }
  try {
    return classify(arguments[1]);
  } catch (const indrnn::Error& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 2;
  }
}
