// A benchmark process that waits for commands on its input, a word and how many runs on each line, and answers each
// with one line of JSON, the seconds of one run.
// Systems, the first argument: `floor` knows `forward` and `train`, the matrix products of a stack; `engine` knows
// `stream`, single time steps called from C++. Then --inputs --hidden --layers --time-steps --batch --threads
// --chunk-rows --calls, each followed by a number.
#include <chrono>
#include <cmath>
#include <functional>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "indrnn/indrnn.hpp"
#include "json_lines.hpp"
#include "products.hpp"

namespace indrnn::benchmarks {
namespace {

using Clock = std::chrono::steady_clock;
using Commands = std::map<std::string, std::function<void(int runs)>>;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void serve(const Commands& commands) {
  std::printf("{\"versions\": {\"instruction_set\": \"%s\", \"blas\": \"%s\"}}\n", instruction_set(),
              blas_name());
  std::fflush(stdout);
  std::string command;
  for (int runs = 0; std::cin >> command >> runs;) {
    const auto found = commands.find(command);
    if (found == commands.end()) {
      std::printf("{\"refused\": \"no such task\"}\n");
      std::fflush(stdout);
    } else {
      found->second(runs);
    }
  }
}

void serve_floor(const Workload& workload, std::int64_t chunk_rows) {
  Products products(workload, chunk_rows);
  const auto timed = [&](int runs, auto&& work) {
    const auto start = Clock::now();
    for (int run = 0; run < runs; ++run) work();
    const double seconds = seconds_since(start) / runs;
    if (!std::isfinite(products.checksum())) throw Error("the floor's results are not finite");
    print_number("seconds", seconds);
  };
  const auto train = [&] {
    products.forward();
    products.backward();
  };
  serve({{"forward", [&](int runs) { timed(runs, [&] { products.predict(); }); }},
         {"train", [&](int runs) { timed(runs, train); }}});
}

void serve_stream(const Workload& workload, std::int64_t calls) {
  const std::vector<nn::LayerSpec> layers(static_cast<std::size_t>(workload.layers),
                                          nn::IndRNN{.size = workload.hidden});
  Network network = Network::create(layers, {.input_size = workload.inputs});
  Tensor x({1, workload.inputs}, DType::float32), y({1, workload.hidden}, DType::float32);
  for (std::int64_t i = 0; i < workload.inputs; ++i) x.view().as<float>()[i] = 1.0F;
  State state = network.initial_state(1);
  std::vector<double> seconds(static_cast<std::size_t>(calls));
  serve({{"stream", [&](int) {
            for (double& each : seconds) {
              const auto start = Clock::now();
              network.step(x.view(), y.view(), state);
              each = seconds_since(start);
            }
            print_list("seconds", seconds);
          }}});
}

void main(int argc, char** argv) {
  std::map<std::string, std::int64_t> values{{"--inputs", 1},       {"--hidden", 128}, {"--layers", 6},
                                             {"--time-steps", 784}, {"--batch", 32},   {"--threads", 1},
                                             {"--chunk-rows", 512}, {"--calls", 5000}};
  const std::string system = argc > 1 ? argv[1] : "";
  read_numbers(argc, argv, 2, values);
  set_num_threads(static_cast<int>(values["--threads"]));
  const Workload workload{.inputs = values["--inputs"],
                          .hidden = values["--hidden"],
                          .layers = values["--layers"],
                          .time_steps = values["--time-steps"],
                          .batch = values["--batch"]};
  if (system == "floor") {
    serve_floor(workload, values["--chunk-rows"]);
  } else if (system == "engine") {
    serve_stream(workload, values["--calls"]);
  } else {
    throw std::invalid_argument("the first argument must be floor or engine, got '" + system + "'");
  }
}

}  // namespace
}  // namespace indrnn::benchmarks

int main(int argc, char** argv) {
  try {
    indrnn::benchmarks::main(argc, argv);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 2;
  }
}
