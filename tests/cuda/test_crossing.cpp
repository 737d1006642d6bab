// What other libraries meet of a network's device: which one is current, a stream to order, and when work is done.
#include <cuda_runtime.h>

#include "compare.hpp"
#include "options.hpp"

namespace indrnn::testing {
namespace {

int current_device() {
  int device = -1;
  EXPECT_EQ(cudaGetDevice(&device), cudaSuccess);
  return device;
}

TEST(CudaCrossing, TheDeviceIsCurrentForAsLongAsOtherLibrariesNeedIt) {
  indrnn_cuda_register();
  const std::vector<nn::LayerSpec> layers = {nn::IndRNN{.size = 4}};
  Network network = Network::create(layers, {.input_size = 2, .device = "cuda:1"});
  ASSERT_EQ(current_device(), 0);
  {
    const std::shared_ptr<void> current = network.context()->make_current();
    EXPECT_EQ(current_device(), 1);
  }
  EXPECT_EQ(current_device(), 0);
}

TEST(CudaCrossing, AMarkIsReachedWhenTheWorkBeforeItIsDone) {
  const auto usual = std::exchange(emulation::options().progress, emulation::Progress::lazy);
  Network network = cuda_network({nn::IndRNN{.size = 4}}, 2);
  DeviceContext& context = *network.context();
  const std::shared_ptr<void> memory = context.allocate(64);
  const std::unique_ptr<QueueMark> mark = context.mark();
  EXPECT_FALSE(mark->reached());
  context.synchronize();
  EXPECT_TRUE(mark->reached());
  emulation::options().progress = usual;
}

// Producers use it while a thread captures: nothing of theirs may become part of what is launched again.
TEST(CudaCrossing, TheStreamForOthersIsNotCaptured) {
  Network network = cuda_network({nn::IndRNN{.size = 4}}, 2);
  DeviceContext& context = *network.context();
  auto* const crossing = static_cast<cudaStream_t>(context.crossing_stream());
  const std::shared_ptr<void> memory = context.allocate(64);
  context.begin_capture();
  EXPECT_EQ(cudaMemsetAsync(memory.get(), 1, 64, crossing), cudaSuccess);
  context.zero(memory.get(), 64);
  const std::shared_ptr<CapturedWork> captured = context.end_capture();
  context.wait_for(crossing);
  std::uint8_t byte = 0;
  context.download(memory.get(), &byte, 1);
  EXPECT_EQ(byte, 1);
  captured->launch();
  context.download(memory.get(), &byte, 1);
  EXPECT_EQ(byte, 0);
}

}  // namespace
}  // namespace indrnn::testing
