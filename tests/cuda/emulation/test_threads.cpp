// Barriers, shuffles, shared memory and atomics, and bugs in their use. Run under ThreadSanitizer, threads are real.
#include "support.hpp"

#include <numeric>
#include <set>

namespace {

using EmulatedBarrierDeathTest = emulation::test::DeathTest;
using EmulatedBlocksDeathTest = emulation::test::DeathTest;
using emulation::test::DeviceArray;
using emulation::test::launch;
using emulation::test::WithOptions;

__device__ float* dynamic_floats() {
  return static_cast<float*>(emulation::dynamic_shared_memory(sizeof(float)));
}

// Each thread's value after its block's are reversed; the barrier can be left out.
__global__ void reverse(const float* in, float* out, bool with_barrier) {
  float* shared = dynamic_floats();
  const unsigned at = blockIdx.x * blockDim.x + threadIdx.x;
  shared[threadIdx.x] = in[at];
  if (with_barrier) __syncthreads();
  out[at] = shared[blockDim.x - 1 - threadIdx.x];
}

std::vector<float> counting(std::size_t size) {
  std::vector<float> values(size);
  std::iota(values.begin(), values.end(), 0.0F);
  return values;
}

TEST(EmulatedBarrier, OrdersSharedMemory) {
  const DeviceArray<float> in(counting(4 * 96));
  const DeviceArray<float> out(4 * 96);
  EXPECT_CUDA(launch("reverse", {4, 96, 96 * sizeof(float)}, reverse, in.data(), out.data(), true));
  const std::vector<float> values = out.values();
  for (std::size_t i = 0; i < values.size(); ++i)
    EXPECT_EQ(values[i], static_cast<float>(i / 96 * 96 + 95 - i % 96));
}

#ifdef __SANITIZE_THREAD__
TEST_F(EmulatedBarrierDeathTest, RemovedBarrierIsADataRace) {
  EXPECT_DEATH(
      {
        const DeviceArray<float> in(counting(64));
        const DeviceArray<float> out(64);
        EXPECT_CUDA(launch("reverse", {1, 64, 64 * sizeof(float)}, reverse, in.data(), out.data(), false));
      },
      "data race");
}

__global__ void write_one_place(float* out) {
  if (threadIdx.x == 0) out[0] = static_cast<float>(blockIdx.x);
}

TEST_F(EmulatedBlocksDeathTest, TwoBlocksThatWriteOnePlaceAreADataRace) {
  EXPECT_DEATH(
      {
        const DeviceArray<float> out(1);
        EXPECT_CUDA(launch("write_one_place", {2, 32}, write_one_place, out.data()));
      },
      "data race");
}
#else
TEST(EmulatedBarrier, RemovedBarrierShowsNaN) {
  const DeviceArray<float> in(counting(64));
  const DeviceArray<float> out(64);
  EXPECT_CUDA(launch("reverse", {1, 64, 64 * sizeof(float)}, reverse, in.data(), out.data(), false));
  std::size_t wrong = 0;
  for (const float value : out.values()) wrong += std::isnan(value) ? 1 : 0;
  EXPECT_GT(wrong, 8U);
}

__global__ void wait_where(int* out, int kind) {
  if (kind == 0 && threadIdx.x == 3) return;
  if (kind == 1 && threadIdx.x < 16) {
    __syncthreads();
  } else {
    __syncthreads();
  }
  if (kind == 2) out[__shfl_sync(0x0000ffffU, 1, 0)] = 1;
  if (kind == 3 && threadIdx.x < 16) out[__shfl_sync(0x0000ffffU, 1, 20)] = 1;
}

TEST_F(EmulatedBarrierDeathTest, MisuseIsNamed) {
  const DeviceArray<int> out(64);
  const auto run = [&](int kind) {
    static_cast<void>(launch("wait_where", {1, 32}, wait_where, out.data(), kind));
  };
  EXPECT_DEATH(
      run(0),
      "deadlock: 31 threads of the block wait at test_threads.cpp:[0-9]+, 1 have left.*\n.*wait_where");
  EXPECT_DEATH(run(1), "divergent barrier: one thread waits at test_threads.cpp");
  EXPECT_DEATH(run(2), "a lane calls a warp function whose mask leaves it out");
  EXPECT_DEATH(run(3), "reads lane 20, which its mask 65535 leaves out");
}
#endif

__global__ void shuffles(int* out) {
  const int lane = static_cast<int>(threadIdx.x % 32);
  const unsigned all = 0xffffffffU;
  int* mine = out + threadIdx.x * 6;
  int sum = lane;
  for (int offset = 16; offset > 0; offset /= 2) sum += __shfl_xor_sync(all, sum, offset);
  mine[0] = sum;
  mine[1] = __shfl_up_sync(all, lane, 1);
  mine[2] = __shfl_down_sync(all, lane, 1, 8);
  mine[3] = __shfl_sync(all, lane, 3, 16);
  mine[4] = static_cast<int>(__ballot_sync(all, lane % 2));
  mine[5] = lane < 8 ? __shfl_xor_sync(0xffU, lane, 4) : -1;  // a part of the warp
}

TEST(EmulatedWarp, ShufflesAndVotes) {
  const DeviceArray<int> out(64 * 6);
  EXPECT_CUDA(launch("shuffles", {1, 64}, shuffles, out.data()));
  const std::vector<int> values = out.values();
  for (int thread = 0; thread < 64; ++thread) {
    const int lane = thread % 32;
    const int* mine = values.data() + thread * 6;
    EXPECT_EQ(mine[0], 31 * 32 / 2);
    EXPECT_EQ(mine[1], lane == 0 ? 0 : lane - 1);
    EXPECT_EQ(mine[2], lane % 8 == 7 ? lane : lane + 1);
    EXPECT_EQ(mine[3], lane / 16 * 16 + 3);
    EXPECT_EQ(static_cast<unsigned>(mine[4]), 0xaaaaaaaaU);
    EXPECT_EQ(mine[5], lane < 8 ? lane ^ 4 : -1);
  }
}

__global__ void where_am_i(unsigned* out, unsigned* count) {
  const unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  const unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  out[block * 24 + thread] = block * 100 + thread;
  atomicAdd(count, 1U);
}

TEST(EmulatedLaunch, EveryThreadOfEveryBlockRunsOnce) {
  const DeviceArray<unsigned> out(12 * 24);
  const DeviceArray<unsigned> count(std::vector<unsigned>{0});
  EXPECT_CUDA(launch("where_am_i", {{3, 2, 2}, {4, 3, 2}}, where_am_i, out.data(), count.data()));
  const std::vector<unsigned> values = out.values();
  for (unsigned i = 0; i < 12 * 24; ++i) EXPECT_EQ(values[i], i / 24 * 100 + i % 24);
  EXPECT_EQ(count.values()[0], 12U * 24U);
}

__global__ void note_order(unsigned* order, unsigned* count) { order[atomicAdd(count, 1U)] = blockIdx.x; }

TEST(EmulatedLaunch, OrderOfBlocksFollowsTheSeed) {
  WithOptions with;
  std::set<std::vector<unsigned>> orders;
  for (const std::uint64_t seed : {1, 2, 3}) {
    with->seed = seed;
    const DeviceArray<unsigned> order(16);
    const DeviceArray<unsigned> count(std::vector<unsigned>{0});
    EXPECT_CUDA(launch("note_order", {16, 1}, note_order, order.data(), count.data()));
    orders.insert(order.values());
  }
  EXPECT_EQ(orders.size(), 3U);
}

__global__ void count_static(int* out) {
  static const char key = 0;
  float* array = static_cast<float*>(emulation::static_shared_memory(&key, 4 * sizeof(float)));
  if (threadIdx.x == 0) {
    out[blockIdx.x] = std::isnan(array[3]) ? 1 : 0;  // garbage, not what the block before left
    array[3] = 1.0F;
  }
}

TEST(EmulatedSharedMemory, IsGarbageWhenABlockStarts) {
  const DeviceArray<int> out(8);
  EXPECT_CUDA(launch("count_static", {8, 32}, count_static, out.data()));
  EXPECT_EQ(out.values(), std::vector<int>(8, 1));
}

}  // namespace
