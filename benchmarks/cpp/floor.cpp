// Times forward and backward of the engine and of the matrix products alone, in one process, taking turns, and writes
// every measurement as JSON. Arguments: --inputs --hidden --layers --time-steps --batch --repeats --threads
// --chunk-rows, each followed by a number.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <exception>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "indrnn/indrnn.hpp"
#include "products.hpp"

namespace indrnn::benchmarks {
namespace {

struct Times {
  std::vector<double> forward, backward;
};

template <class Forward, class Backward>
void measure(Times& times, Forward&& forward, Backward&& backward) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  forward();
  const auto middle = Clock::now();
  backward();
  const auto end = Clock::now();
  times.forward.push_back(std::chrono::duration<double>(middle - start).count());
  times.backward.push_back(std::chrono::duration<double>(end - middle).count());
}

void fill_normal(TensorView view, double deviation, std::uint64_t seed) {
  std::mt19937_64 generator(seed);
  std::normal_distribution<float> distribution(0.0F, static_cast<float>(deviation));
  for (std::int64_t i = 0; i < view.shape.elements(); ++i) view.as<float>()[i] = distribution(generator);
}

void print_list(const char* name, const std::vector<double>& values, const char* end) {
  std::printf("\"%s\": [", name);
  for (std::size_t i = 0; i < values.size(); ++i) std::printf("%s%.9f", i == 0 ? "" : ", ", values[i]);
  std::printf("]%s", end);
}

int run(const Workload& workload, std::int64_t chunk_rows, std::int64_t repeats) {
  const std::vector<nn::LayerSpec> layers(static_cast<std::size_t>(workload.layers),
                                          nn::IndRNN{.size = workload.hidden});
  Network network = Network::create(layers, {.input_size = workload.inputs});
  Tensor x({workload.time_steps, workload.batch, workload.inputs}, DType::float32);
  Tensor y({workload.time_steps, workload.batch, workload.hidden}, DType::float32);
  Tensor dy(y.shape(), DType::float32);
  fill_normal(x.view(), 1.0, 1);
  fill_normal(dy.view(), 1e-3, 2);
  const State zero = network.initial_state(workload.batch);
  State state = zero;
  Products products(workload, chunk_rows);

  const auto engine_forward = [&] {
    state = zero;
    network.forward(x.view(), y.view(), state, {.training = true});
  };
  const auto engine_backward = [&] { network.backward(dy.view()); };
  Times engine, floor;
  for (std::int64_t repeat = -2; repeat < repeats; ++repeat) {  // two rounds to warm up
    if (repeat == 0) engine = floor = Times{};
    network.zero_gradients();
    measure(engine, engine_forward, engine_backward);
    measure(floor, [&] { products.forward(); }, [&] { products.backward(); });
  }

  double gradient_norm = 0.0;
  const TensorView gradients = network.gradients();
  for (std::int64_t i = 0; i < gradients.shape.elements(); ++i) {
    gradient_norm += std::pow(gradients.as<float>()[i], 2);
  }
  if (!std::isfinite(gradient_norm) || gradient_norm == 0.0 || !std::isfinite(products.checksum())) {
    std::fprintf(stderr, "error: a result is not finite, or all gradients are zero\n");
    return 1;
  }
  std::printf("{\"threads\": %d, \"instruction_set\": \"%s\", \"blas\": \"%s\", ", num_threads(),
              instruction_set(), blas_name());
  print_list("engine_forward", engine.forward, ", ");
  print_list("engine_backward", engine.backward, ", ");
  print_list("floor_forward", floor.forward, ", ");
  print_list("floor_backward", floor.backward, "}\n");
  return 0;
}

int main(int argc, char** argv) {
  std::map<std::string, std::int64_t> values{{"--inputs", 1},
                                             {"--hidden", 128},
                                             {"--layers", 6},
                                             {"--time-steps", 784},
                                             {"--batch", 32},
                                             {"--repeats", 11},
                                             {"--threads", num_threads()},
                                             {"--chunk-rows", 512}};
  for (int i = 1; i < argc; i += 2) {
    if (!values.contains(argv[i]) || i + 1 == argc) {
      std::fprintf(stderr, "error: unknown argument or no value: %s\n", argv[i]);
      return 2;
    }
    values[argv[i]] = std::stoll(argv[i + 1]);
  }
  set_num_threads(static_cast<int>(values["--threads"]));
  return run({.inputs = values["--inputs"],
              .hidden = values["--hidden"],
              .layers = values["--layers"],
              .time_steps = values["--time-steps"],
              .batch = values["--batch"]},
             values["--chunk-rows"], values["--repeats"]);
}

}  // namespace
}  // namespace indrnn::benchmarks

int main(int argc, char** argv) {
  try {
    return indrnn::benchmarks::main(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 2;
  }
}
