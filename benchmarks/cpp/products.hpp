// The floor: nothing but the matrix products that a stack of IndRNN layers cannot do without.
#pragma once

#include <cstdint>
#include <vector>

#include "workload.hpp"

namespace indrnn::benchmarks {

// Rows go through all layers in chunks, as in the engine: forward  y = x W^T  (kept, as the engine keeps h; predict
// keeps the last y only), backward
// dW += dy^T x  and, except in the first layer,  dx = dy W  (in scratch memory that stays in the cache). Every thread
// has rows and a dW of its own; the sum of the dW, biases, recurrence and activation are not part of the floor.
class Products {
 public:
  Products(const Workload& workload, std::int64_t chunk_rows);
  void forward();
  void predict();
  void backward();
  double checksum() const;  // of the last layer's output and of all dW, so that no work is left out unseen

 private:
  struct Range {
    std::int64_t begin, end;
  };
  Range rows_of(std::int64_t part) const;
  float* scratch(std::int64_t part, std::int64_t layer);  // even and odd layers have one each

  Workload workload_;
  std::int64_t chunk_rows_;
  std::int64_t parts_;                       // one per thread
  std::vector<std::vector<float>> weights_;  // per layer [H, inputs]
  std::vector<std::vector<float>> values_;   // x of each layer, then the last y: [T * B, features]
  std::vector<float> output_gradient_;       // [T * B, H]
  std::vector<std::vector<std::vector<float>>> weight_gradients_;  // per part, per layer [H, inputs]
  std::vector<std::vector<float>> scratch_;                        // per part, two chunks [chunk_rows, H]
};

}  // namespace indrnn::benchmarks
