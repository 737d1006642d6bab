// libFuzzer: any bytes as a model file. A file that loads must run and give the same bytes again.
// Built by INDRNN_BUILD_FUZZERS (clang); tests/cpp/test_model_file.cpp replays the corpus with any compiler.
#include "model_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  indrnn::testing::try_model_file({reinterpret_cast<const std::byte*>(data), size});
  return 0;
}
