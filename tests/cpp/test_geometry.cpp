// How a batch is cut: follows from the shape alone, and leaves work for several threads where there is any.
#include <gtest/gtest.h>

#include "plan/geometry.hpp"

namespace indrnn {
namespace {

constexpr std::int64_t megabyte = 1024 * 1024;

// Every sample is in one tile, every tile in one lane, every step in one chunk.
void expect_all_is_covered(const Geometry& geometry) {
  EXPECT_EQ(geometry.first_sample(geometry.tiles), geometry.batch);
  EXPECT_EQ(geometry.first_tile(geometry.lanes), geometry.tiles);
  EXPECT_GE(geometry.chunks * geometry.chunk_steps, geometry.time_steps);
  EXPECT_LT((geometry.chunks - 1) * geometry.chunk_steps, std::max<std::int64_t>(geometry.time_steps, 1));
}

TEST(Geometry, CoversEverySampleAndStep) {
  for (std::int64_t time_steps : {0, 1, 35, 784, 5000, 100000}) {
    for (std::int64_t batch : {1, 2, 3, 31, 32, 33, 128}) {
      for (std::int64_t widest : {1, 128, 2000, 10000}) {
        expect_all_is_covered(make_geometry(time_steps, batch, widest, 4, widest * widest * 4));
      }
    }
  }
}

TEST(Geometry, WideNetworksOfFewRowsAreSharedByLanes) {
  // A language model with 10 000 words: one chunk would take all 1120 rows.
  EXPECT_EQ(make_geometry(35, 32, 10000, 4, 23 * megabyte).lanes, 4);
  EXPECT_EQ(make_geometry(100, 4, 1024, 4, 9 * megabyte).lanes, 2);
  // One step of a small network is not worth waking a thread for.
  EXPECT_EQ(make_geometry(1, 128, 64, 4, megabyte / 16).lanes, 1);
  EXPECT_EQ(make_geometry(1, 1, 2000, 4, 96 * megabyte).lanes, 1);
}

TEST(Geometry, GradientsOfAllLanesFitTheirMemory) {
  EXPECT_EQ(make_geometry(784, 64, 128, 4, megabyte).lanes, 16);
  EXPECT_EQ(make_geometry(150, 32, 2000, 4, 96 * megabyte).lanes, 2);
}

}  // namespace
}  // namespace indrnn
