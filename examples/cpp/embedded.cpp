// An application without exceptions and without a heap of its own for the stream: it uses the C interface, is compiled with
// -fno-exceptions, and gives the session its memory. Prints the outputs of a network for a ramp of inputs.
//   embedded model.safetensors
#include <indrnn/indrnn.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>

namespace {

constexpr std::size_t most_memory = 1 << 20, most_features = 256;
alignas(64) unsigned char memory[most_memory];
float x[most_features], y[most_features];

// Says what went wrong, and whether it did.
bool failed(indrnn_status status) {
  if (status != INDRNN_OK) std::fprintf(stderr, "error %d: %s\n", status, indrnn_last_message());
  return status != INDRNN_OK;
}

int run(const indrnn_model* model) {
  const std::int64_t inputs = indrnn_model_input_size(model), outputs = indrnn_model_output_size(model);
  if (indrnn_model_takes_indices(model) == 1 || indrnn_model_dtype(model) != INDRNN_FLOAT32 ||
      inputs > static_cast<std::int64_t>(most_features) ||
      outputs > static_cast<std::int64_t>(most_features)) {
    std::fprintf(stderr, "error: a small float32 network that reads features is needed\n");
    return 2;
  }
  indrnn_session* session = nullptr;
  if (failed(indrnn_session_create(model, 1, memory, sizeof memory, nullptr, &session))) return 1;
  int result = 0;
  for (int t = 0; t < 5 && result == 0; ++t) {
    for (std::int64_t i = 0; i < inputs; ++i) x[i] = 0.1F * static_cast<float>(t);
    if (failed(indrnn_session_step(session, x, y))) result = 1;
    for (std::int64_t o = 0; o < outputs; ++o)
      std::printf("%.6f%c", static_cast<double>(y[o]), o + 1 < outputs ? ' ' : '\n');
  }
  indrnn_session_free(session);
  return result;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) {
    std::fprintf(stderr, "usage: %s model.safetensors\n", arguments[0]);
    return 2;
  }
  indrnn_model* model = nullptr;
  if (failed(indrnn_model_load(arguments[1], &model))) return 1;
  const int result = run(model);
  indrnn_model_free(model);
  return result;
}
