// A benchmark process that waits for commands on its input, a word and how many runs on each line, and answers each
// with one line of JSON, the seconds of one run.
// Systems, the first argument: `floor` knows `forward` and `train`, the matrix products of a stack; `engine` knows
// `train`, and where T is 1 `stream`, single time steps of a Session.
// `bandwidth` copies in `cache` and `memory`. Then --inputs --hidden --layers --time-steps --batch --threads
// --chunk-rows --calls, each followed by a number.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
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

Network stack(const Workload& workload) {
  const std::vector<nn::LayerSpec> layers(static_cast<std::size_t>(workload.layers),
                                          nn::IndRNN{.size = workload.hidden});
  return Network::create(layers, {.input_size = workload.inputs});
}

// Forward and backward, as the Python worker of this engine times them: for profiles, which need the symbols that the
// installed library lacks.
void serve_train(const Workload& workload) {
  Network network = stack(workload);
  Tensor x({workload.time_steps, workload.batch, workload.inputs}, DType::float32);
  Tensor y({workload.time_steps, workload.batch, workload.hidden}, DType::float32);
  Tensor dy({workload.time_steps, workload.batch, workload.hidden}, DType::float32);
  for (Tensor* tensor : {&x, &dy}) {
    for (std::int64_t i = 0; i < tensor->shape().elements(); ++i) {
      tensor->data<float>()[i] = std::sin(static_cast<float>(i));
    }
  }
  serve({{"train", [&](int runs) {
            const auto start = Clock::now();
            for (int run = 0; run < runs; ++run) {
              network.forward(x.view(), y.view(), {.training = true});
              network.zero_gradients();
              network.backward(dy.view());
            }
            print_number("seconds", seconds_since(start) / runs);
          }}});
}

void serve_stream(const Workload& workload, std::int64_t calls) {
  Session session{Model(stack(workload))};
  Tensor x({1, workload.inputs}, DType::float32), y({1, workload.hidden}, DType::float32);
  for (std::int64_t i = 0; i < workload.inputs; ++i) x.view().as<float>()[i] = 1.0F;
  std::vector<double> seconds(static_cast<std::size_t>(calls));
  serve({{"stream", [&](int) {
            for (double& each : seconds) {
              const auto start = Clock::now();
              session.step(x.view(), y.view());
              each = seconds_since(start);
            }
            print_list("seconds", seconds);
          }}});
}

// Seconds per byte, read and written, of copies in the second-level cache and in memory.
void serve_bandwidth() {
  const auto copies = [](std::size_t bytes) {
    return [from = std::vector<std::byte>(bytes), to = std::vector<std::byte>(bytes)](int runs) mutable {
      const std::size_t turns = std::max<std::size_t>(1, (std::size_t{1} << 28) / from.size());
      const auto start = Clock::now();
      for (std::size_t turn = 0; turn < turns * static_cast<std::size_t>(runs); ++turn) {
        std::copy(from.begin(), from.end(), to.begin());
        from.front() = to.back();  // one copy depends on the other: none is left out
      }
      print_number("seconds", seconds_since(start) / (2.0 * static_cast<double>(from.size() * turns) * runs),
                   16);
    };
  };
  serve({{"cache", copies(std::size_t{1} << 18)}, {"memory", copies(std::size_t{1} << 28)}});
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
  } else if (system == "bandwidth") {
    serve_bandwidth();
  } else if (system == "engine") {
    if (workload.time_steps == 1) {
      serve_stream(workload, values["--calls"]);
    } else {
      serve_train(workload);
    }
  } else {
    throw std::invalid_argument("the first argument must be floor, engine or bandwidth, got '" + system +
                                "'");
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
