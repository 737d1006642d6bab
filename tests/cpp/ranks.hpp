// The ranks of a data-parallel training as threads of one process, each with a network of its own.
#pragma once

#include <barrier>
#include <thread>
#include <vector>

#include "backend/device_context.hpp"
#include "support.hpp"

namespace indrnn::testing {

// Sums over threads, in the order of the ranks: the same bits on each.
class ThreadRanks {
 public:
  explicit ThreadRanks(int count)
      : barrier_(count), given_(static_cast<std::size_t>(count)), sizes_(static_cast<std::size_t>(count)) {}

  Reduction reduction(int rank) {
    const auto own = static_cast<std::size_t>(rank);
    return [this, own](std::span<double> values) {
      sizes_[own].push_back(values.size());
      given_[own] = values;
      barrier_.arrive_and_wait();
      std::vector<double> sums(values.size(), 0.0);
      for (const std::span<double>& each : given_) {
        for (std::size_t i = 0; i < std::min(sums.size(), each.size()); ++i) sums[i] += each[i];
      }
      barrier_.arrive_and_wait();
      std::ranges::copy(sums, values.begin());
    };
  }

  // A rank that has ended is waited for no more: where ranks disagree on the calls, a test fails instead of hanging.
  void leave(int rank) {
    given_[static_cast<std::size_t>(rank)] = {};
    barrier_.arrive_and_drop();
  }

  // Of the calls of each rank, in their order.
  const std::vector<std::vector<std::size_t>>& sizes() const { return sizes_; }

 private:
  std::barrier<> barrier_;
  std::vector<std::span<double>> given_;
  std::vector<std::vector<std::size_t>> sizes_;
};

// A global batch, and what one training does with it.
struct Training {
  std::vector<nn::LayerSpec> layers;
  std::int64_t time_steps = 0, batch = 0, input_size = 2;
  bool lengths = false;
  std::string memory = "store";
  std::string device = "cpu";
  int rounds = 2;  // the second finds running statistics and random numbers as the first left them
};

// Samples of time-major arrays [T, B, F], or rows of [B, F].
inline Tensor take_samples(Tensor& from, std::int64_t first, std::int64_t count) {
  const Shape shape = from.shape();
  const bool sequence = shape.rank() == 3;
  const std::int64_t steps = sequence ? shape[0] : 1, batch = shape[sequence ? 1 : 0],
                     features = shape[sequence ? 2 : 1];
  Tensor to(sequence ? Shape{steps, count, features} : Shape{count, features}, DType::float64);
  for (std::int64_t t = 0; t < steps; ++t) {
    std::copy_n(from.data<double>() + (t * batch + first) * features, count * features,
                to.data<double>() + t * count * features);
  }
  return to;
}

inline void put_samples(Tensor& part, std::int64_t first, Tensor& whole) {
  const Shape shape = whole.shape();
  const bool sequence = shape.rank() == 3;
  const std::int64_t steps = sequence ? shape[0] : 1, batch = shape[sequence ? 1 : 0],
                     features = shape[sequence ? 2 : 1], count = part.shape()[sequence ? 1 : 0];
  for (std::int64_t t = 0; t < steps; ++t) {
    std::copy_n(part.data<double>() + t * count * features, count * features,
                whole.data<double>() + (t * batch + first) * features);
  }
}

// Wherever it lies.
inline std::vector<double> copy_of(const Network& network, TensorView view) {
  std::vector<double> values(static_cast<std::size_t>(view.shape.elements()));
  if (const auto context = network.context(); context != nullptr) {
    context->download(view.data, values.data(), values.size() * sizeof(double));
  } else {
    std::ranges::copy(elements(view), values.begin());
  }
  return values;
}

struct TrainingResult {
  Tensor y, dx;                              // of the global batch, in the last round
  std::vector<double> gradients;             // summed over the ranks and rounds
  std::vector<std::vector<double>> buffers;  // of each rank, all in one
  std::vector<std::vector<std::size_t>> calls;
};

// shares: samples of each rank. One rank that has them all trains without a reduction.
inline TrainingResult train(const Training& training, const std::vector<std::int64_t>& shares) {
  const auto ranks = static_cast<int>(shares.size());
  Network like =
      Network::create(training.layers, {.input_size = training.input_size, .dtype = DType::float64});
  std::mt19937_64 random(11);
  Tensor x = normal_tensor({training.time_steps, training.batch, training.input_size}, random);
  Tensor dy = normal_tensor(like.output_shape(training.time_steps, training.batch), random);
  std::vector<std::int64_t> lengths;
  for (std::int64_t b = 0; b < training.batch; ++b)
    lengths.push_back(b % 3 == 1 ? 0 : std::max<std::int64_t>(0, training.time_steps - b));

  TrainingResult result{dy, x, {}, std::vector<std::vector<double>>(shares.size()), {}};
  std::vector<std::vector<double>> gradients(shares.size());
  ThreadRanks reduction(ranks);
  const auto work = [&](int rank, std::int64_t first, std::int64_t count) {
    Network network = Network::create(
        training.layers,
        {.input_size = training.input_size, .dtype = DType::float64, .seed = 5, .memory = training.memory});
    network.set_first_sample(first);
    if (ranks > 1) network.set_reduction(reduction.reduction(rank));
    Tensor x_share = take_samples(x, first, count), dy_share = take_samples(dy, first, count);
    Tensor y_share(dy_share.shape(), DType::float64), dx_share(x_share.shape(), DType::float64);
    ForwardOptions options{.training = true};
    if (training.lengths) options.lengths = {lengths.data() + first, Shape{count}};
    for (int round = 0; round < training.rounds; ++round) {
      network.forward(x_share.view(), y_share.view(), options);
      network.backward(dy_share.view(), dx_share.view());
    }
    reduction.leave(rank);
    put_samples(y_share, first, result.y);
    put_samples(dx_share, first, result.dx);
    gradients[static_cast<std::size_t>(rank)] = copy_of(network, network.gradients());
    for (const NamedView& buffer : network.named_buffers()) {
      const std::vector<double> values = copy_of(network, buffer.view);
      auto& all = result.buffers[static_cast<std::size_t>(rank)];
      all.insert(all.end(), values.begin(), values.end());
    }
  };
  std::vector<std::thread> threads;
  std::int64_t first = 0;
  for (int rank = 0; rank < ranks; ++rank) {
    const std::int64_t count = shares[static_cast<std::size_t>(rank)];
    threads.emplace_back(work, rank, first, count);
    first += count;
  }
  for (std::thread& thread : threads) thread.join();
  result.gradients.assign(gradients[0].size(), 0.0);
  for (const auto& own : gradients) {
    for (std::size_t i = 0; i < own.size(); ++i) result.gradients[i] += own[i];
  }
  result.calls = reduction.sizes();
  return result;
}

struct RankStack {
  std::string name;
  std::vector<nn::LayerSpec> layers;
};

inline std::vector<RankStack> rank_stacks() {
  const nn::Linear linear{.size = 4};
  const nn::BatchNorm norm{}, step_norm{.mode = "step", .time_steps = 4};
  const nn::Dropout dropout{.p = 0.3};
  return {
      {"plain",
       {nn::IndRNN{.size = 5, .zoneout = 0.3}, norm, dropout, nn::IndRNN{.size = 6}, norm, nn::LastStep{},
        linear}},
      {"plain_by_step",
       {nn::IndRNN{.size = 5}, step_norm, dropout, nn::IndRNN{.size = 3, .zoneout = 0.5}, step_norm, linear}},
      {"residual",
       {linear, nn::Residual{{nn::Recurrence{}, norm, dropout, linear}},
        nn::Residual{{nn::Residual{{step_norm}}, nn::IndRNN{.size = 4}}}}},
      {"dense",
       {nn::Concat{{linear, nn::Recurrence{.zoneout = 0.2}, norm, dropout}},
        nn::Concat{{step_norm, nn::IndRNN{.size = 2}, dropout}}, nn::MeanOverTime{}, norm, linear}},
      {"bidirectional",
       {nn::Bidirectional{{nn::IndRNN{.size = 3}, norm, dropout}}, nn::Bidirectional{{step_norm}}, linear}},
  };
}

// Of the whole, by the Euclidean norm.
inline double relative_difference(std::span<const double> found, std::span<const double> wanted) {
  EXPECT_EQ(found.size(), wanted.size());
  double difference = 0.0, size = 0.0;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    difference += (found[i] - wanted[i]) * (found[i] - wanted[i]);
    size += wanted[i] * wanted[i];
  }
  return difference == 0.0 ? 0.0 : std::sqrt(difference / size);
}

// rounding: of sums in another order.
inline void expect_same_training(TrainingResult& found, TrainingResult& wanted, double rounding) {
  EXPECT_LE(relative_difference(elements(found.y), elements(wanted.y)), rounding) << "y";
  EXPECT_LE(relative_difference(elements(found.dx), elements(wanted.dx)), rounding) << "dx";
  EXPECT_LE(relative_difference(found.gradients, wanted.gradients), rounding) << "gradients";
  for (const auto& own : found.buffers) {
    EXPECT_LE(relative_difference(own, wanted.buffers[0]), rounding) << "running statistics";
    EXPECT_EQ(own, found.buffers[0]) << "running statistics differ between ranks";
  }
  for (const auto& calls : found.calls) EXPECT_EQ(calls, found.calls[0]);
  EXPECT_EQ(found.calls[0].empty(), found.calls.size() == 1);  // one rank trains without a reduction
}

}  // namespace indrnn::testing
