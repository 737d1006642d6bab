// Device memory: limits, contents, and every way to touch it wrongly.
#include "support.hpp"

#include <cmath>
#include <limits>

#include "counters.hpp"

namespace {

using EmulatedMemoryDeathTest = emulation::test::DeathTest;
using emulation::test::DeviceArray;
using emulation::test::launch;
using emulation::test::WithOptions;

__global__ void scale(const float* in, float* out, int size, float factor) {
  const int at = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (at >= size) return;
  emulation::count_load(in + at, sizeof(float), alignof(float));
  emulation::count_store(out + at, sizeof(float), alignof(float));
  out[at] = in[at] * factor;
}

// As a kernel that does not go through load() and store().
[[maybe_unused]] __global__ void write_at(float* out, std::ptrdiff_t at) { out[at] = 1.0F; }

TEST(EmulatedMemory, FreshMemoryIsNaN) {
  const DeviceArray<float> fresh(5);
  for (const float value : fresh.values()) EXPECT_TRUE(std::isnan(value));
}

TEST(EmulatedMemory, BytesAreCountedByKernel) {
  emulation::reset_counters();
  const DeviceArray<float> in(std::vector<float>(100, 2.0F));
  const DeviceArray<float> out(100);
  EXPECT_CUDA(launch("scale", {4, 32}, scale, in.data(), out.data(), 100, 3.0F));
  EXPECT_EQ(out.values(), std::vector<float>(100, 6.0F));
  const emulation::Counters& scale_counters = emulation::counters().at("scale");
  EXPECT_EQ(scale_counters.launches, 1U);
  EXPECT_EQ(scale_counters.bytes_read, 400U);
  EXPECT_EQ(scale_counters.bytes_written, 400U);
  EXPECT_NE(std::string(cuda_emulation_counters()).find("\"scale\": {\"launches\": 1, \"bytes_read\": 400"),
            std::string::npos);
}

TEST(EmulatedMemory, OutOfMemory) {
  WithOptions with;
  with->memory = 1000;
  void* first = nullptr;
  void* second = nullptr;
  EXPECT_CUDA(cudaMalloc(&first, 600));
  EXPECT_EQ(cudaMalloc(&second, 600), cudaErrorMemoryAllocation);
  EXPECT_EQ(cudaGetLastError(), cudaErrorMemoryAllocation);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
  EXPECT_CUDA(cudaFree(first));
  EXPECT_CUDA(cudaMalloc(&second, 600));
  EXPECT_CUDA(cudaFree(second));
}

TEST(EmulatedMemory, FreeingTwiceOrFreeingHalfIsRefused) {
  char* memory = nullptr;
  EXPECT_CUDA(cudaMalloc(&memory, 64));
  EXPECT_EQ(cudaFree(memory + 8), cudaErrorInvalidValue);
  EXPECT_CUDA(cudaFree(memory));
  EXPECT_EQ(cudaFree(memory), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFreeHost(memory), cudaErrorInvalidValue);
  cudaGetLastError();
}

TEST(EmulatedMemory, PointersTellWhereTheyPoint) {
  const DeviceArray<float> array(8);
  void* pinned = nullptr;
  EXPECT_CUDA(cudaMallocHost(&pinned, 64));
  cudaPointerAttributes attributes{};
  EXPECT_CUDA(cudaPointerGetAttributes(&attributes, array.data() + 3));
  EXPECT_EQ(attributes.type, cudaMemoryTypeDevice);
  EXPECT_CUDA(cudaPointerGetAttributes(&attributes, pinned));
  EXPECT_EQ(attributes.type, cudaMemoryTypeHost);
  EXPECT_CUDA(cudaPointerGetAttributes(&attributes, &attributes));
  EXPECT_EQ(attributes.type, cudaMemoryTypeUnregistered);
  EXPECT_CUDA(cudaFreeHost(pinned));
}

#ifndef __SANITIZE_THREAD__

TEST_F(EmulatedMemoryDeathTest, HostAccessIsNamed) {
  const DeviceArray<float> array(10);
  volatile float* data = array.data();
  EXPECT_DEATH(data[4] = 1.0F,
               "host code touches device memory at 0x[0-9a-f]+,.* 16 bytes into a buffer of 40");
  EXPECT_DEATH(static_cast<void>(data[0]), "host code touches device memory");
}

TEST_F(EmulatedMemoryDeathTest, OneElementTooFarIsFound) {
  const DeviceArray<float> in(std::vector<float>(100, 2.0F));
  const DeviceArray<float> out(99);
  // Through load() and store(), where it happens; by plain pointers, after the launch or by AddressSanitizer.
  EXPECT_DEATH(static_cast<void>(launch("scale", {4, 32}, scale, in.data(), out.data(), 100, 3.0F)),
               "writes 4 bytes at 0x[0-9a-f]+, 0 bytes past the end of a buffer of 396.*\n.*in kernel scale");
  EXPECT_DEATH(static_cast<void>(launch("scale", {4, 32}, scale, out.data(), in.data(), 100, 3.0F)),
               "reads 4 bytes");
  for (const std::ptrdiff_t at : {99, -1}) {
    EXPECT_DEATH(
        static_cast<void>(launch("write_at", {1, 1}, write_at, out.data(), at)),
        "kernel write_at wrote outside of a buffer of 396 bytes, at its offset (396|-4)|AddressSanitizer");
  }
}

TEST_F(EmulatedMemoryDeathTest, GapsInAWorkspaceAreWatched) {
  const DeviceArray<float> workspace(64);
  emulation::red_zone(workspace.data() + 16, 16);
  EXPECT_CUDA(launch("write_at", {1, 1}, write_at, workspace.data(), std::ptrdiff_t{15}));
  EXPECT_DEATH(static_cast<void>(launch("write_at", {1, 1}, write_at, workspace.data(), std::ptrdiff_t{16})),
               "wrote between the parts of a buffer|AddressSanitizer");
  emulation::clear_red_zones(workspace.data());
  EXPECT_CUDA(launch("write_at", {1, 1}, write_at, workspace.data(), std::ptrdiff_t{16}));
}

TEST_F(EmulatedMemoryDeathTest, WrongPointersInAKernel) {
  const DeviceArray<float> out(10);
  std::vector<float> host(10);
  EXPECT_DEATH(static_cast<void>(launch("scale", {1, 32}, scale, host.data(), out.data(), 10, 1.0F)),
               "which is not device memory");
  const float* odd = reinterpret_cast<const float*>(reinterpret_cast<const char*>(out.data()) + 2);
  EXPECT_DEATH(static_cast<void>(launch("scale", {1, 32}, scale, odd, out.data(), 2, 1.0F)),
               "is not a multiple of 4|misaligned");
  float* freed = nullptr;
  EXPECT_CUDA(cudaMalloc(&freed, 40));
  EXPECT_CUDA(cudaFree(freed));
  EXPECT_DEATH(static_cast<void>(launch("scale", {1, 32}, scale, freed, out.data(), 10, 1.0F)),
               "not device memory");
}

TEST_F(EmulatedMemoryDeathTest, MemoryOfTheOtherDevice) {
  const DeviceArray<float> out(10);
  EXPECT_CUDA(cudaSetDevice(1));
  float* other = nullptr;
  EXPECT_CUDA(cudaMalloc(&other, 40));
  EXPECT_CUDA(cudaSetDevice(0));
  EXPECT_DEATH(static_cast<void>(launch("scale", {1, 32}, scale, other, out.data(), 10, 1.0F)),
               "memory of device 1, from device 0");
  EXPECT_CUDA(cudaFree(other));
}

#endif

}  // namespace
