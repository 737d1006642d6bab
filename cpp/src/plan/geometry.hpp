// How a batch of sequences is cut into work. Follows from the problem's shape alone, never from the number of threads,
// so that results are the same bits on any machine setting.
//
//   lane    samples whose gradients are summed in one place; lanes run in parallel
//   tile    samples of a lane that pass through the network together
//   chunk   time steps of a tile that pass through all layers of a segment before the next chunk starts
//
// A tile of several samples always takes all T steps in one chunk; a longer sequence is a tile of one sample cut in
// chunks. So the rows of a chunk are one run of memory in [B, T, F].
#pragma once

#include <cstdint>

namespace indrnn {

struct Geometry {
  std::int64_t time_steps = 0;   // T
  std::int64_t batch = 0;        // B
  std::int64_t chunk_steps = 0;  // of all chunks but the last, which may be shorter
  std::int64_t chunks = 1;       // per tile
  std::int64_t tiles = 0;
  std::int64_t lanes = 0;

  // Samples [first_sample(tile), first_sample(tile + 1)) and tiles [first_tile(lane), first_tile(lane + 1)).
  std::int64_t first_sample(std::int64_t tile) const { return tile * batch / tiles; }
  std::int64_t first_tile(std::int64_t lane) const { return lane * tiles / lanes; }
  std::int64_t largest_tile() const { return tiles == 0 ? 0 : (batch + tiles - 1) / tiles; }
  std::int64_t chunk_rows() const { return largest_tile() * chunk_steps; }
};

// widest: the most features a value of the network has; parameter_bytes: of the whole network.
Geometry make_geometry(std::int64_t time_steps, std::int64_t batch, std::int64_t widest,
                       std::int64_t element_bytes, std::int64_t parameter_bytes);

}  // namespace indrnn
