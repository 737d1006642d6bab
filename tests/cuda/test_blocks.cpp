// Device memory that is given back and taken again.
#include <gtest/gtest.h>

#include <cstring>

#include "compare.hpp"
#include "counters.hpp"
#include "options.hpp"
#include "runtime/handles.hpp"

namespace indrnn::testing {
namespace {

std::uint64_t calls(const char* function) { return emulation::calls()[function]; }

class CudaBlocks : public ::testing::Test {
 protected:
  CudaBlocks() { emulation::reset_counters(); }

  // 32 float64 that are all `value`.
  std::shared_ptr<void> filled(double value) const {
    const std::vector<double> host(32, value);
    return on_device(*context, host.data(), host.size() * 8);
  }

  Network network = cuda_network({nn::IndRNN{.size = 4}}, 3);
  std::shared_ptr<DeviceContext> context = network.context();
};

TEST_F(CudaBlocks, TheNextRequestOfTheSizeTakesWhatWasGivenBack) {
  void* const first = context->allocate(1000).get();
  EXPECT_EQ(context->allocate(1000).get(), first);
  EXPECT_EQ(context->allocate(900).get(), first);
  EXPECT_NE(context->allocate(1001).get(), first);
  EXPECT_NE(context->allocate(100).get(), first);  // too little of it would be used
  EXPECT_EQ(calls("cudaMalloc"), 3U);
  EXPECT_EQ(calls("cudaFree"), 0U);
}

TEST_F(CudaBlocks, ZeroesArePromisedAgain) {
  filled(7.0);
  const auto memory = context->allocate(32 * 8);
  EXPECT_EQ(calls("cudaMalloc"), 1U);
  EXPECT_EQ(read_double(*context, memory.get()), 0.0);
}

// Work of another stream may go on when the last owner here lets go.
TEST_F(CudaBlocks, WhatWasHandedOutIsFreed) {
  auto memory = context->allocate(1000), other = context->allocate(1000);
  context->hand_out(static_cast<std::byte*>(memory.get()) + 999);
  context->hand_out(static_cast<std::byte*>(other.get()) + 1000);  // past it
  memory.reset();
  EXPECT_EQ(calls("cudaFree"), 1U);
  other.reset();
  EXPECT_EQ(calls("cudaFree"), 1U);
}

TEST_F(CudaBlocks, WhatACapturedGraphNamesIsNotTakenWhileItLives) {
  auto from = filled(3.0);
  const auto to = context->allocate(32 * 8);
  void* const named = from.get();
  context->begin_capture();
  context->copy(from.get(), to.get(), 32 * 8);
  EXPECT_THROW(context->allocate(32 * 8), DeviceError);
  auto work = context->end_capture();
  from.reset();
  auto later = filled(4.0);
  EXPECT_NE(later.get(), named);
  work->launch();
  EXPECT_EQ(read_double(*context, to.get()), 3.0);
  void* const unnamed = later.get();
  later.reset();
  EXPECT_EQ(filled(5.0).get(), unnamed);
  work.reset();
  const auto one = filled(6.0), two = filled(6.0);
  EXPECT_TRUE(one.get() == named || two.get() == named);
}

TEST_F(CudaBlocks, ACaptureThatFailedHoldsNothing) {
  auto memory = filled(3.0);
  void* const named = memory.get();
  context->begin_capture();
  EXPECT_THROW(context->download(named, memory.get(), 8), Error);
  EXPECT_THROW(context->end_capture(), DeviceError);
  memory.reset();
  EXPECT_EQ(filled(1.0).get(), named);
}

TEST_F(CudaBlocks, AFullDeviceGivesUpWhatNobodyHas) {
  const std::size_t limit = emulation::options().memory;
  Network other = cuda_network({nn::IndRNN{.size = 4}}, 3);
  other.context()->allocate(1 << 20U);
  context->allocate(1 << 20U);
  emulation::options().memory = cuda_emulation_live_bytes(0);
  EXPECT_NE(context->allocate(3 << 19U), nullptr);  // by the blocks of both
  EXPECT_EQ(calls("cudaFree"), 2U);
  EXPECT_THROW(context->allocate(std::size_t{1} << 30U), OutOfMemory);
  emulation::options().memory = limit;
}

TEST_F(CudaBlocks, WhatNoRequestTakesForLongIsFreed) {
  context->allocate_unset(1 << 20U);
  for (int i = 0; i < 1100; ++i) context->allocate_unset(100);
  EXPECT_EQ(calls("cudaFree"), 0U);
  context->allocate_unset(5000);
  EXPECT_EQ(calls("cudaFree"), 1U);
  context->allocate_unset(10000);
  EXPECT_EQ(calls("cudaFree"), 1U);
}

TEST_F(CudaBlocks, MayOutliveTheirNetwork) {
  std::shared_ptr<void> kept;
  const std::uint64_t before = cuda_emulation_live_bytes(0);
  {
    Network other = cuda_network({nn::IndRNN{.size = 4}}, 3);
    kept = other.context()->allocate(1000);
    other.context()->allocate(1000);
  }
  EXPECT_EQ(cuda_emulation_live_bytes(0), before + 1000);
  kept.reset();
  EXPECT_EQ(cuda_emulation_live_bytes(0), before);
}

TEST_F(CudaBlocks, WhichMemoryIsFullIsSaid) {
  try {
    cuda::allocate_pinned(std::size_t{1} << 60U);
    FAIL();
  } catch (const OutOfMemory& error) {
    EXPECT_NE(std::string(error.what()).find("the host has no"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace indrnn::testing
