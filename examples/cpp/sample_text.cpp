// Writes text, character by character, with a network that predicts the next one from indices.
//   sample_text model.safetensors [characters] [temperature] [seed]
// The file's metadata say which characters the indices stand for: `indrnn train text` writes them, and so does
// net.save(path, {"alphabet": "abc..."}) in Python.
#include <indrnn/indrnn.hpp>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

namespace {

std::int64_t draw(const std::vector<float>& logits, double temperature, std::mt19937_64& random) {
  std::vector<double> weights;
  for (const float logit : logits) weights.push_back(std::exp(static_cast<double>(logit) / temperature));
  return std::discrete_distribution<std::int64_t>(weights.begin(), weights.end())(random);
}

// The characters of a text in UTF-8, of one to four bytes each.
std::vector<std::string> characters_of(const std::string& text) {
  std::vector<std::string> characters;
  for (const char byte : text) {
    const bool goes_on = (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U;
    if (goes_on && !characters.empty()) {
      characters.back() += byte;
    } else {
      characters.emplace_back(1, byte);
    }
  }
  return characters;
}

int sample(const char* path, long characters, double temperature, unsigned long seed) {
  const std::vector<std::string> alphabet = characters_of(indrnn::read_metadata(path)["alphabet"]);
  if (alphabet.empty()) {
    std::fprintf(stderr,
                 "error: %s must have the metadata alphabet, the characters that its indices stand for\n",
                 path);
    return 2;
  }
  const indrnn::Model model = indrnn::Model::load(path);
  if (!model.takes_indices() || model.output_size() != static_cast<std::int64_t>(alphabet.size())) {
    std::fprintf(stderr, "error: %s must predict the %zu characters of its alphabet from indices\n", path,
                 alphabet.size());
    return 2;
  }
  indrnn::Session session(model);
  std::mt19937_64 random(seed);
  std::vector<float> logits(alphabet.size());
  std::int64_t index = 0;
  for (long i = 0; i < characters; ++i) {
    session.step({&index, {1}}, {logits.data(), {1, model.output_size()}});
    index = draw(logits, temperature, random);
    std::fputs(alphabet[static_cast<std::size_t>(index)].c_str(), stdout);
  }
  std::putchar('\n');
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2 || count > 5) {
    std::fprintf(stderr, "usage: %s model.safetensors [characters] [temperature] [seed]\n", arguments[0]);
    return 2;
  }
  const long characters = count > 2 ? std::atol(arguments[2]) : 200;
  const double temperature = count > 3 ? std::atof(arguments[3]) : 1.0;
  const unsigned long seed = count > 4 ? std::strtoul(arguments[4], nullptr, 10) : 0;
  try {
    return sample(arguments[1], characters, temperature, seed);
  } catch (const indrnn::Error& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 2;
  }
}
