// The ranks of a data-parallel training, as layers see them: sums over all of them (Network::set_reduction).
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "indrnn/network.hpp"

namespace indrnn {

class Ranks {
 public:
  explicit Ranks(Reduction reduction) : reduction_(std::move(reduction)) {}

  // In place. Every rank must come here as often, in the same order, with the same count.
  void sum(double* values, std::int64_t count) {
    if (count > 0) reduction_({values, static_cast<std::size_t>(count)});
  }

  // In: counts [groups], means and squared deviations from them [groups, features], of this rank; out: of all ranks.
  // means must lie right behind counts. First the means over all ranks are found, then the squares about them: as exact as
  // joining one rank to the next (Chan, Golub & LeVeque 1979), by sums alone.
  void join_moments(std::int64_t groups, std::int64_t features, double* counts, double* means,
                    double* squares) {
    own_.assign(counts, means + groups * features);
    const double *own_counts = own_.data(), *own_means = own_counts + groups;
    for_all(groups, features, [&](std::int64_t g, std::int64_t i) { means[i] *= counts[g]; });
    sum(counts, groups + groups * features);
    for_all(groups, features, [&](std::int64_t g, std::int64_t i) {
      means[i] /= std::max(1.0, counts[g]);
      const double difference = own_means[i] - means[i];
      squares[i] += own_counts[g] * difference * difference;
    });
    sum(squares, groups * features);
  }

 private:
  template <class Use>
  static void for_all(std::int64_t groups, std::int64_t features, const Use& use) {
    for (std::int64_t g = 0; g < groups; ++g) {
      for (std::int64_t f = 0; f < features; ++f) use(g, g * features + f);
    }
  }

  Reduction reduction_;
  std::vector<double> own_;  // grows to the largest norm, then stays
};

}  // namespace indrnn
