// The inner loops by themselves, in one thread, with Google Benchmark: run it by `python -m benchmarks kernels`.
// Arguments in a name are sizes; bytes_per_second counts what a loop must read and write at least, FLOPS its multiplications
// and additions. Sizes that fit the second-level cache stand for the engine's chunks.
#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdint>
#include <random>
#include <thread>
#include <vector>

#include "backend/cpu/cpu_isa.hpp"
#include "backend/cpu/kernels/kernels.hpp"
#include "backend/cpu/kernels/optimizer.hpp"
#include "backend/cpu/kernels/softmax_cross_entropy.hpp"
#include "backend/cpu/matmul.hpp"
#include "core/threads.hpp"
#include "indrnn/indrnn.hpp"

namespace indrnn::benchmarks {
namespace {

using benchmark::Counter;
using benchmark::State;

std::vector<float> normal_values(std::int64_t count, float deviation = 1.0F) {
  std::mt19937_64 generator(static_cast<std::uint64_t>(count));
  std::normal_distribution<float> distribution(0.0F, deviation);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = distribution(generator);
  return values;
}

void count(State& state, std::int64_t elements_moved, double operations = 0.0) {
  state.SetBytesProcessed(state.iterations() * elements_moved * static_cast<std::int64_t>(sizeof(float)));
  if (operations > 0.0) {
    state.counters["FLOPS"] = Counter(operations, Counter::kIsIterationInvariantRate, Counter::kIs1000);
  }
}

// Rows of a chunk, [steps, H], of one sample.
struct Chunk {
  std::int64_t steps, features;
  std::int64_t elements() const { return steps * features; }
};

Chunk chunk_of(const State& state) { return {.steps = state.range(0), .features = state.range(1)}; }

void recurrence_forward(State& state, cpu::Activation activation) {
  const Chunk chunk = chunk_of(state);
  const auto z = normal_values(chunk.elements()), u = normal_values(chunk.features, 0.3F), bias = u;
  std::vector<float> h(z.size()), carried(u.size());
  const auto run = cpu::kernels<float>().recurrence_forward[static_cast<int>(activation)];
  for ([[maybe_unused]] auto _ : state) {
    run({.z = z.data(),
         .h = h.data(),
         .samples = 1,
         .steps = chunk.steps,
         .features = chunk.features,
         .sample_stride = chunk.elements(),
         .step_stride = chunk.features,
         .u = u.data(),
         .bias = bias.data(),
         .state = carried.data(),
         .valid = nullptr,
         .resets = nullptr,
         .reset_sample_stride = 0,
         .reset_step_stride = 0});
    benchmark::ClobberMemory();
  }
  count(state, 2 * chunk.elements());
}

void recurrence_backward(State& state, cpu::Activation activation) {
  const Chunk chunk = chunk_of(state);
  const auto dh = normal_values(chunk.elements()), h = dh, u = normal_values(chunk.features, 0.3F);
  std::vector<float> dz(dh.size()), before(u.size()), carried(u.size());
  std::vector<double> du(u.size()), dbias(u.size());
  const auto run = cpu::kernels<float>().recurrence_backward[static_cast<int>(activation)];
  for ([[maybe_unused]] auto _ : state) {
    run({.dh = dh.data(),
         .h = h.data(),
         .dz = dz.data(),
         .samples = 1,
         .steps = chunk.steps,
         .features = chunk.features,
         .sample_stride = chunk.elements(),
         .step_stride = chunk.features,
         .u = u.data(),
         .state = before.data(),
         .state_gradient = carried.data(),
         .du = du.data(),
         .dbias = dbias.data(),
         .valid = nullptr,
         .resets = nullptr,
         .reset_sample_stride = 0,
         .reset_step_stride = 0});
    benchmark::ClobberMemory();
  }
  count(state, 3 * chunk.elements());
}

void chunks(benchmark::internal::Benchmark* sizes) {
  sizes->Args({512, 128})->Args({128, 512})->Args({32, 2000})->Args({512, 17})->Args({100'000, 128});
}

BENCHMARK_CAPTURE(recurrence_forward, relu, cpu::Activation::relu)->Apply(chunks);
BENCHMARK_CAPTURE(recurrence_forward, tanh, cpu::Activation::tanh)->Apply(chunks);
BENCHMARK_CAPTURE(recurrence_backward, relu, cpu::Activation::relu)->Apply(chunks);
BENCHMARK_CAPTURE(recurrence_backward, tanh, cpu::Activation::tanh)->Apply(chunks);

cpu::Rows rows_of(const Chunk& chunk) {
  return {.samples = 1, .steps = chunk.steps, .features = chunk.features, .valid = nullptr};
}

void norm_statistics(State& state) {
  const Chunk chunk = chunk_of(state);
  const auto x = normal_values(chunk.elements());
  std::vector<double> sums(static_cast<std::size_t>(chunk.features)), squares(sums.size());
  for ([[maybe_unused]] auto _ : state) {
    cpu::kernels<float>().norm_statistics(rows_of(chunk), x.data(), x.data(), sums.data(), squares.data());
    benchmark::ClobberMemory();
  }
  count(state, chunk.elements());
}

void norm_apply(State& state) {
  const Chunk chunk = chunk_of(state);
  const auto x = normal_values(chunk.elements()), scale = normal_values(chunk.features);
  std::vector<float> y(x.size());
  for ([[maybe_unused]] auto _ : state) {
    cpu::kernels<float>().scale_offset(chunk.steps, chunk.features, x.data(), scale.data(), scale.data(),
                                       y.data());
    benchmark::ClobberMemory();
  }
  count(state, 2 * chunk.elements());
}

void norm_gradient(State& state) {
  const Chunk chunk = chunk_of(state);
  const auto x = normal_values(chunk.elements()), dy = x, a = normal_values(chunk.features);
  std::vector<float> dx(x.size());
  std::vector<double> sums(a.size()), products(a.size());
  for ([[maybe_unused]] auto _ : state) {
    cpu::kernels<float>().norm_gradient_sums(rows_of(chunk), dy.data(), x.data(), a.data(), sums.data(),
                                             products.data());
    cpu::kernels<float>().norm_gradient(rows_of(chunk), dy.data(), x.data(), a.data(), a.data(), a.data(),
                                        a.data(), dx.data());
    benchmark::ClobberMemory();
  }
  count(state, 5 * chunk.elements());
}

BENCHMARK(norm_statistics)->Apply(chunks);
BENCHMARK(norm_apply)->Apply(chunks);
BENCHMARK(norm_gradient)->Apply(chunks);

void cross_entropy(State& state) {
  const std::int64_t rows = state.range(0), classes = state.range(1);
  Tensor logits({rows, classes}, DType::float32), gradient({rows, classes}, DType::float32);
  Tensor targets({rows}, DType::int64);
  const auto values = normal_values(rows * classes);
  std::copy(values.begin(), values.end(), logits.view().as<float>());
  for (std::int64_t row = 0; row < rows; ++row) targets.view().as<std::int64_t>()[row] = row % classes;
  for ([[maybe_unused]] auto _ : state) {
    const double loss = losses::softmax_cross_entropy(logits.view(), targets.view(), {}, gradient.view());
    benchmark::DoNotOptimize(loss);
  }
  count(state, 2 * rows * classes);
}

BENCHMARK(cross_entropy)->Args({32, 10})->Args({6400, 50})->Args({512, 10'000});

void adam(State& state) {
  const std::int64_t parameters = state.range(0);
  const auto gradient = normal_values(parameters, 1e-2F);
  std::vector<float> weight = gradient, first(weight.size()), second(weight.size());
  using namespace cpu;
  const auto kernels = pick_isa(INDRNN_ISA_ALTERNATIVES(optimizer_kernels<float>));
  for ([[maybe_unused]] auto _ : state) {
    kernels.adam({.count = parameters,
                  .gradient = gradient.data(),
                  .weight = weight.data(),
                  .first_moment = first.data(),
                  .second_moment = second.data(),
                  .beta1 = 0.9F,
                  .one_minus_beta1 = 0.1F,
                  .beta2 = 0.999F,
                  .one_minus_beta2 = 0.001F,
                  .step_size = 1e-4F,
                  .root_scale = 1.0F,
                  .epsilon = 1e-8F,
                  .gradient_decay = 0.0F,
                  .keep = 1.0F});
    benchmark::ClobberMemory();
  }
  count(state, 7 * parameters);
}

BENCHMARK(adam)->Arg(10'000)->Arg(100'000)->Arg(10'000'000);

// y [rows, outputs] = x [rows, inputs] W^T, then dx = dy W and dW += dy^T x of the same sizes.
void matmul(State& state, int which) {
  cpu::use_single_threaded_blas();
  const std::int64_t rows = state.range(0), inputs = state.range(1), outputs = state.range(2);
  std::vector<float> x = normal_values(rows * inputs), w = normal_values(outputs * inputs, 0.05F);
  std::vector<float> y = normal_values(rows * outputs);
  for ([[maybe_unused]] auto _ : state) {
    if (which == 0)
      cpu::multiply_transposed(rows, outputs, inputs, x.data(), w.data(), cpu::Accumulate::no, y.data());
    else if (which == 1)
      cpu::multiply(rows, inputs, outputs, y.data(), w.data(), cpu::Accumulate::no, x.data());
    else
      cpu::multiply_outer(outputs, inputs, rows, y.data(), x.data(), cpu::Accumulate::no, w.data());
    benchmark::ClobberMemory();
  }
  const std::int64_t moved = rows * inputs + rows * outputs + outputs * inputs;
  count(state, moved, 2.0 * static_cast<double>(rows) * static_cast<double>(inputs * outputs));
}

void shapes(benchmark::internal::Benchmark* sizes) {
  sizes->Args({1, 128, 128})->Args({256, 128, 128})->Args({512, 128, 128})->Args({2048, 128, 128});
  sizes->Args({512, 50, 512})->Args({512, 512, 512})->Args({256, 2000, 2000})->Args({512, 1, 128});
}

BENCHMARK_CAPTURE(matmul, forward, 0)->Apply(shapes);
BENCHMARK_CAPTURE(matmul, dx, 1)->Apply(shapes);
BENCHMARK_CAPTURE(matmul, dw, 2)->Apply(shapes);

// A hundred jobs of two tasks of some 20 microseconds, right after the caller slept. Two threads should take little more
// than half the time of one, whether or not they slept before. Arguments: threads, milliseconds of sleep.
void jobs_after_a_pause(State& state) {
  using Clock = std::chrono::steady_clock;
  set_num_threads(static_cast<int>(state.range(0)));
  std::vector<float> values[2] = {normal_values(4096), normal_values(4096)};
  const auto task = [&](std::int64_t index, int) {
    for (int pass = 0; pass < 64; ++pass) {
      for (float& value : values[index]) value = value * 0.999F + 0.001F;
      benchmark::ClobberMemory();
    }
  };
  for ([[maybe_unused]] auto _ : state) {
    std::this_thread::sleep_for(std::chrono::milliseconds(state.range(1)));
    const auto begun = Clock::now();
    for (int job = 0; job < 100; ++job) parallel_for(2, task);
    state.SetIterationTime(std::chrono::duration<double>(Clock::now() - begun).count());
  }
  set_num_threads(1);
}

BENCHMARK(jobs_after_a_pause)->UseManualTime()->Iterations(30)->Args({1, 0})->Args({2, 0})->Args({2, 100});

}  // namespace
}  // namespace indrnn::benchmarks

int main(int argc, char** argv) {
  indrnn::set_num_threads(1);
  benchmark::AddCustomContext("instruction_set", indrnn::instruction_set());
  benchmark::AddCustomContext("blas", indrnn::blas_name());
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
