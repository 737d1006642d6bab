// Streams, events and graphs: the order of work, what a host sees that does not wait, what a capture forbids.
#include "support.hpp"

#include <thread>

#include "counters.hpp"
#include "runtime.hpp"

namespace {

using emulation::Progress;
using emulation::test::DeviceArray;
using emulation::test::launch;
using emulation::test::WithOptions;

__global__ void add(int* value, int amount) { *value += amount; }
__global__ void times(int* value, int factor) { *value *= factor; }

class EmulatedStream : public testing::Test {
 protected:
  EmulatedStream() {
    EXPECT_CUDA(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    EXPECT_CUDA(cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking));
    EXPECT_CUDA(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
    EXPECT_CUDA(cudaMallocHost(&pinned, sizeof(int)));
  }
  ~EmulatedStream() override {
    EXPECT_CUDA(cudaStreamDestroy(stream));
    EXPECT_CUDA(cudaStreamDestroy(other));
    EXPECT_CUDA(cudaEventDestroy(event));
    EXPECT_CUDA(cudaFreeHost(pinned));
    emulation::captures().clear();
  }
  cudaError_t read(cudaStream_t from) {
    return cudaMemcpyAsync(pinned, value.data(), sizeof(int), cudaMemcpyDeviceToHost, from);
  }

  WithOptions with;
  DeviceArray<int> value{std::vector<int>{1}};
  cudaStream_t stream = nullptr;
  cudaStream_t other = nullptr;
  cudaEvent_t event = nullptr;
  int* pinned = nullptr;
};

TEST_F(EmulatedStream, WithoutWaitingTheHostSeesOldValues) {
  with->progress = Progress::lazy;
  *pinned = -7;
  EXPECT_CUDA(launch("add", {1, 1, 0, stream}, add, value.data(), 4));
  EXPECT_CUDA(read(stream));
  EXPECT_EQ(*pinned, -7);
  EXPECT_EQ(cudaStreamQuery(stream), cudaErrorNotReady);
  EXPECT_CUDA(cudaStreamSynchronize(stream));
  EXPECT_EQ(*pinned, 5);
  EXPECT_CUDA(cudaStreamQuery(stream));
}

TEST_F(EmulatedStream, PinnedMemoryIsReadWhenTheCopyRunsAndOtherMemoryWhenItIsCalled) {
  with->progress = Progress::lazy;
  int pageable = 10;
  *pinned = 20;
  const DeviceArray<int> second(1);
  EXPECT_CUDA(cudaMemcpyAsync(value.data(), &pageable, sizeof(int), cudaMemcpyHostToDevice, stream));
  EXPECT_CUDA(cudaMemcpyAsync(second.data(), pinned, sizeof(int), cudaMemcpyHostToDevice, stream));
  pageable = 11;
  *pinned = 21;  // too early: a bug in real code
  EXPECT_CUDA(cudaStreamSynchronize(stream));
  EXPECT_EQ(value.values()[0], 10);
  EXPECT_EQ(second.values()[0], 21);
}

TEST_F(EmulatedStream, EventsOrderStreams) {
  with->progress = Progress::lazy;
  EXPECT_CUDA(launch("add", {1, 1, 0, stream}, add, value.data(), 4));
  EXPECT_CUDA(cudaEventRecord(event, stream));
  EXPECT_CUDA(launch("add", {1, 1, 0, stream}, add, value.data(), 100));
  EXPECT_CUDA(cudaStreamWaitEvent(other, event));
  EXPECT_CUDA(launch("times", {1, 1, 0, other}, times, value.data(), 3));
  EXPECT_CUDA(cudaStreamSynchronize(other));  // runs the other stream up to the event and no further
  EXPECT_EQ(cudaEventQuery(event), cudaSuccess);
  EXPECT_EQ(value.values()[0], 15);
  EXPECT_CUDA(cudaStreamSynchronize(stream));
  EXPECT_EQ(value.values()[0], 115);
}

TEST_F(EmulatedStream, TheLegacyStreamWaitsForBlockingStreamsOnly) {
  with->progress = Progress::lazy;
  cudaStream_t blocking = nullptr;
  EXPECT_CUDA(cudaStreamCreate(&blocking));
  EXPECT_CUDA(launch("add", {1, 1, 0, blocking}, add, value.data(), 4));
  EXPECT_CUDA(launch("add", {1, 1, 0, stream}, add, value.data(), 100));
  EXPECT_CUDA(launch("times", {1, 1}, times, value.data(), 2));
  EXPECT_EQ(value.values()[0], 10);
  EXPECT_CUDA(cudaStreamSynchronize(stream));
  EXPECT_EQ(value.values()[0], 110);
  EXPECT_CUDA(cudaStreamDestroy(blocking));
}

TEST_F(EmulatedStream, RandomProgressFollowsTheOrderOfTheStream) {
  with->progress = Progress::random;
  for (int i = 0; i < 200; ++i) {
    EXPECT_CUDA(launch("times", {1, 1, 0, stream}, times, value.data(), 0));
    EXPECT_CUDA(launch("add", {1, 1, 0, stream}, add, value.data(), i));
  }
  EXPECT_CUDA(read(stream));
  EXPECT_CUDA(cudaStreamSynchronize(stream));
  EXPECT_EQ(*pinned, 199);
}

TEST_F(EmulatedStream, AGraphReplaysWhatWasCaptured) {
  emulation::reset_counters();
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t executable = nullptr;
  EXPECT_CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  EXPECT_CUDA(launch("add", {1, 1, 0, stream}, add, value.data(), 4));
  EXPECT_CUDA(cudaEventRecord(event, stream));
  EXPECT_CUDA(cudaStreamWaitEvent(other, event));  // the other stream joins
  EXPECT_CUDA(launch("times", {1, 1, 0, other}, times, value.data(), 2));
  EXPECT_CUDA(cudaEventRecord(event, other));
  EXPECT_CUDA(cudaStreamWaitEvent(stream, event));
  EXPECT_CUDA(read(stream));
  EXPECT_CUDA(cudaStreamEndCapture(stream, &graph));
  std::size_t nodes = 0;
  EXPECT_CUDA(cudaGraphGetNodes(graph, nullptr, &nodes));
  EXPECT_EQ(nodes, 3U);
  EXPECT_CUDA(cudaGraphInstantiate(&executable, graph));
  EXPECT_CUDA(cudaGraphDestroy(graph));
  EXPECT_EQ(value.values()[0], 1);  // nothing ran
  for (int i = 0; i < 2; ++i) EXPECT_CUDA(cudaGraphLaunch(executable, stream));
  EXPECT_CUDA(cudaStreamSynchronize(stream));
  EXPECT_EQ(*pinned, ((1 + 4) * 2 + 4) * 2);
  EXPECT_EQ(emulation::counters().at("add").launches, 2U);
  EXPECT_EQ(emulation::counters().at("graph").launches, 2U);
  EXPECT_CUDA(cudaGraphExecDestroy(executable));
}

TEST_F(EmulatedStream, WhatACaptureForbidsInvalidatesIt) {
  void* memory = nullptr;
  const auto spoil = [&](auto&& call) {
    cudaGraph_t graph = nullptr;
    EXPECT_CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    EXPECT_EQ(call(), cudaErrorStreamCaptureUnsupported);
    EXPECT_EQ(launch("add", {1, 1, 0, stream}, add, value.data(), 1), cudaErrorStreamCaptureInvalidated);
    EXPECT_EQ(cudaStreamEndCapture(stream, &graph), cudaErrorStreamCaptureInvalidated);
    EXPECT_EQ(graph, nullptr);
  };
  int pageable = 0;
  spoil([&] { return cudaMalloc(&memory, 4); });
  spoil([&] { return cudaStreamSynchronize(stream); });
  spoil([&] { return cudaDeviceSynchronize(); });
  spoil([&] { return cudaMemcpy(&pageable, value.data(), 4, cudaMemcpyDeviceToHost); });
  spoil([&] { return cudaMemcpyAsync(&pageable, value.data(), 4, cudaMemcpyDeviceToHost, stream); });
  EXPECT_CUDA(cudaStreamSynchronize(stream));  // all is well again
  cudaGetLastError();
}

TEST_F(EmulatedStream, WhomACaptureConcernsDependsOnItsMode) {
  const auto allocate = [] {
    void* memory = nullptr;
    const cudaError_t error = cudaMalloc(&memory, 4);
    if (error == cudaSuccess) cudaFree(memory);
    return error;
  };
  const auto of_another_thread = [&](auto&& call) {
    cudaError_t error = cudaSuccess;
    std::thread([&] { error = call(); }).join();
    return error;
  };
  cudaGraph_t graph = nullptr;
  EXPECT_CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  EXPECT_CUDA(of_another_thread(allocate));
  cudaStreamCaptureMode mode = cudaStreamCaptureModeRelaxed;
  EXPECT_CUDA(cudaThreadExchangeStreamCaptureMode(&mode));
  EXPECT_CUDA(allocate());
  EXPECT_CUDA(cudaThreadExchangeStreamCaptureMode(&mode));
  EXPECT_CUDA(cudaStreamEndCapture(stream, &graph));  // none of it spoilt the capture
  EXPECT_CUDA(cudaGraphDestroy(graph));
  EXPECT_CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  EXPECT_EQ(of_another_thread([&] { return cudaStreamSynchronize(stream); }),
            cudaErrorStreamCaptureUnsupported);
  EXPECT_EQ(cudaStreamEndCapture(stream, &graph), cudaErrorStreamCaptureInvalidated);
  EXPECT_CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  EXPECT_EQ(of_another_thread(allocate), cudaErrorStreamCaptureUnsupported);
  EXPECT_EQ(cudaStreamEndCapture(stream, &graph), cudaErrorStreamCaptureInvalidated);
  cudaGetLastError();
}

TEST_F(EmulatedStream, AnEventIsOfOneDeviceAndMayBeWaitedForOnAnother) {
  cudaStream_t elsewhere = nullptr;
  EXPECT_CUDA(cudaSetDevice(1));
  EXPECT_CUDA(cudaStreamCreate(&elsewhere));
  EXPECT_EQ(cudaEventRecord(event, elsewhere), cudaErrorInvalidResourceHandle);
  EXPECT_CUDA(cudaEventRecord(event, stream));
  EXPECT_CUDA(cudaStreamWaitEvent(elsewhere, event));
  EXPECT_CUDA(cudaStreamDestroy(elsewhere));
  EXPECT_CUDA(cudaSetDevice(0));
  cudaGetLastError();
}

TEST_F(EmulatedStream, CopiesOutsideOfBuffersOrOfTheWrongKindAreRefused) {
  int host = 0;
  EXPECT_EQ(cudaMemcpy(value.data(), &host, 8, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(value.data(), &host, 4, cudaMemcpyDeviceToHost), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemsetAsync(value.data(), 0, 5, stream), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemsetAsync(&host, 0, 4, stream), cudaErrorInvalidValue);
  cudaGetLastError();
}

TEST_F(EmulatedStream, BadLaunchesAreRefused) {
  EXPECT_EQ(launch("add", {0, 1, 0, stream}, add, value.data(), 1), cudaErrorInvalidConfiguration);
  EXPECT_EQ(launch("add", {1, 1025, 0, stream}, add, value.data(), 1), cudaErrorInvalidConfiguration);
  EXPECT_EQ(launch("add", {{1, 65536}, 1, 0, stream}, add, value.data(), 1), cudaErrorInvalidConfiguration);
  EXPECT_EQ(launch("add", {1, 1, 60000, stream}, add, value.data(), 1), cudaErrorInvalidConfiguration);
  EXPECT_CUDA(cudaFuncSetAttribute(add, cudaFuncAttributeMaxDynamicSharedMemorySize, 60000));
  EXPECT_CUDA(launch("add", {1, 1, 60000, stream}, add, value.data(), 1));
  EXPECT_EQ(cudaFuncSetAttribute(add, cudaFuncAttributeMaxDynamicSharedMemorySize, 70000),
            cudaErrorInvalidValue);
  EXPECT_CUDA(cudaFuncSetAttribute(add, cudaFuncAttributeMaxDynamicSharedMemorySize, 48 << 10));
  cudaGetLastError();
}

TEST(EmulatedDevice, MissingDriverAndDevice) {
  WithOptions with;
  int count = -1;
  void* memory = nullptr;
  with->devices = 0;
  EXPECT_EQ(cudaGetDeviceCount(&count), cudaErrorNoDevice);
  EXPECT_EQ(cudaMalloc(&memory, 1), cudaErrorNoDevice);
  with->devices = 1;
  EXPECT_EQ(cudaSetDevice(1), cudaErrorInvalidDevice);
  with->driver = 12040;
  EXPECT_EQ(cudaGetDeviceCount(&count), cudaErrorInsufficientDriver);
  EXPECT_EQ(count, 0);
  cudaGetLastError();
}

}  // namespace
