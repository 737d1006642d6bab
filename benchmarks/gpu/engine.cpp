// Checks and times the engine on a CUDA device, beside what limits it: its matrix products alone (the same stack of
// Linear layers without recurrences) and copies within device memory. Prints JSON.
//
//   indrnn_gpu_benchmark [--small]        --small: sizes for the emulated device, where times mean nothing
//
// A training step is forward, loss, backward and Adam with all arrays on the device; `captured` is the same step as a
// CUDA graph. Times are medians over repeats, in seconds, each behind a synchronisation.
#include <cuda_runtime.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "backend/device_context.hpp"
#include "indrnn/indrnn.hpp"

extern "C" int indrnn_cuda_register();

namespace {

using indrnn::DType;
using indrnn::Network;
using indrnn::Shape;
using indrnn::Tensor;

struct Workload {
  const char* name;
  std::int64_t inputs, hidden, layers, time_steps, batch;
};

constexpr Workload workloads[] = {
    {"pixel", 1, 128, 6, 784, 32},  {"char", 50, 512, 3, 50, 128},    {"adding", 2, 128, 2, 5000, 50},
    {"long", 1, 128, 2, 100000, 1}, {"wide", 4096, 4096, 2, 128, 64},
};
constexpr std::int64_t classes = 10;

std::vector<indrnn::nn::LayerSpec> stack(const Workload& w, bool recurrent) {
  std::vector<indrnn::nn::LayerSpec> layers;
  for (std::int64_t i = 0; i < w.layers; ++i) {
    if (recurrent) {
      layers.push_back(indrnn::nn::IndRNN{.size = w.hidden});
    } else {
      layers.push_back(indrnn::nn::Linear{.size = w.hidden, .bias = false});
    }
  }
  layers.push_back(indrnn::nn::LastStep{});
  layers.push_back(indrnn::nn::Linear{.size = classes});
  return layers;
}

double median_seconds(indrnn::DeviceContext& context, const std::function<void()>& work) {
  work();
  context.synchronize();
  std::vector<double> times;
  double total = 0.0;
  while (times.size() < 5 || (total < 2.0 && times.size() < 100)) {
    const auto start = std::chrono::steady_clock::now();
    work();
    context.synchronize();
    times.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    total += times.back();
  }
  std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2), times.end());
  return times[times.size() / 2];
}

// One network with its arrays on the device.
struct Trained {
  Trained(const Workload& w_, bool recurrent, const Tensor& host_x,
          const std::vector<std::int64_t>& host_targets)
      : w(w_),
        network(Network::create(stack(w_, recurrent), {.input_size = w_.inputs, .device = "cuda"})),
        context(network.context()),
        adam(network),
        x(context->allocate(host_x.bytes())),
        y(context->allocate(output_bytes())),
        dy(context->allocate(output_bytes())),
        targets(context->allocate(host_targets.size() * sizeof(std::int64_t))),
        loss(context->allocate(sizeof(double))) {
    context->upload(host_x.data<void>(), x.get(), host_x.bytes());
    context->upload(host_targets.data(), targets.get(), host_targets.size() * sizeof(std::int64_t));
  }
  std::size_t output_bytes() const { return static_cast<std::size_t>(w.batch * classes) * sizeof(float); }

  void forward(bool training) {
    network.forward({x.get(), Shape{w.time_steps, w.batch, w.inputs}, DType::float32},
                    {y.get(), Shape{w.batch, classes}, DType::float32}, {.training = training});
  }
  void backward() {
    context->softmax_cross_entropy({.dtype = DType::float32,
                                    .rows = w.batch,
                                    .classes = classes,
                                    .logits = y.get(),
                                    .targets = static_cast<const std::int64_t*>(targets.get()),
                                    .gradient = dy.get(),
                                    .loss = static_cast<double*>(loss.get())});
    network.backward({dy.get(), Shape{w.batch, classes}, DType::float32});
  }
  void step() {
    network.zero_gradients();
    forward(true);
    backward();
    adam.step();
  }

  const Workload& w;
  Network network;
  std::shared_ptr<indrnn::DeviceContext> context;
  indrnn::optim::Adam adam;
  std::shared_ptr<void> x, y, dy, targets, loss;
};

// The largest difference between the device's gradients and the CPU's, relative to the largest gradient.
double gradient_difference(Trained& device, const Tensor& x, const std::vector<std::int64_t>& targets) {
  Network cpu = Network::create(stack(device.w, true), {.input_size = device.w.inputs});
  Tensor dy({device.w.batch, classes}, DType::float32);
  const Tensor y = cpu.forward(x.view(), {.training = true});
  indrnn::losses::softmax_cross_entropy(y.view(), {targets.data(), Shape{device.w.batch}}, {}, dy.view());
  cpu.backward(dy.view());
  device.network.zero_gradients();
  device.forward(true);
  device.backward();
  const indrnn::TensorView wanted = cpu.gradients();
  Tensor found(wanted.shape, wanted.dtype);
  device.context->download(device.network.gradients().data, found.data<void>(), found.bytes());
  double largest = 0.0, difference = 0.0;
  for (std::int64_t i = 0; i < wanted.shape.elements(); ++i) {
    largest = std::max(largest, std::abs(static_cast<double>(wanted.as<float>()[i])));
    difference = std::max(difference, std::abs(static_cast<double>(found.data<float>()[i]) -
                                               static_cast<double>(wanted.as<float>()[i])));
  }
  return largest > 0.0 ? difference / largest : difference;
}

void run(const Workload& w, bool last) {
  std::mt19937_64 random(1);
  std::normal_distribution<float> normal;
  Tensor x({w.time_steps, w.batch, w.inputs}, DType::float32);
  for (std::int64_t i = 0; i < x.shape().elements(); ++i) x.data<float>()[i] = normal(random);
  std::vector<std::int64_t> targets;
  for (std::int64_t b = 0; b < w.batch; ++b) targets.push_back(b % classes);

  Trained trained(w, true, x, targets), products(w, false, x, targets);
  const double difference = gradient_difference(trained, x, targets);
  const double forward = median_seconds(*trained.context, [&] { trained.forward(false); });
  const double step = median_seconds(*trained.context, [&] { trained.step(); });
  const double alone = median_seconds(*products.context, [&] { products.step(); });
  trained.context->begin_capture();
  trained.step();
  const auto graph = trained.context->end_capture();
  const double captured = median_seconds(*trained.context, [&] { graph->launch(); });
  std::printf(
      "    {\"name\": \"%s\", \"inputs\": %lld, \"hidden\": %lld, \"layers\": %lld, \"time_steps\": %lld, "
      "\"batch\": %lld, \"gradient_difference\": %.3g, \"forward\": %.6g, \"step\": %.6g, \"captured\": "
      "%.6g, "
      "\"products_alone\": %.6g}%s\n",
      w.name, static_cast<long long>(w.inputs), static_cast<long long>(w.hidden),
      static_cast<long long>(w.layers), static_cast<long long>(w.time_steps), static_cast<long long>(w.batch),
      difference, forward, step, captured, alone, last ? "" : ",");
  std::fflush(stdout);
}

// Bytes read and written per second by a copy of this many bytes.
double copy_bandwidth(std::size_t bytes) {
  Network network = Network::create(std::vector<indrnn::nn::LayerSpec>{indrnn::nn::Linear{.size = 1}},
                                    {.input_size = 1, .device = "cuda"});
  const auto context = network.context();
  const auto from = context->allocate(bytes), to = context->allocate(bytes);
  const double seconds = median_seconds(*context, [&] { context->copy(from.get(), to.get(), bytes); });
  return 2.0 * static_cast<double>(bytes) / seconds;
}

}  // namespace

int main(int count, char** arguments) {
  const bool small = count > 1 && std::strcmp(arguments[1], "--small") == 0;
  try {
    indrnn_cuda_register();
    const double bandwidth = copy_bandwidth(small ? 1 << 12 : std::size_t{1} << 30);
    cudaDeviceProp properties{};
    cudaGetDeviceProperties(&properties, 0);
    std::printf("{\"device\": \"%s\", \"copy_bytes_per_second\": %.4g, \"workloads\": [\n", properties.name,
                bandwidth);
    std::vector<Workload> chosen(std::begin(workloads), std::end(workloads));
    for (Workload& w : chosen) {
      if (small) w = {w.name, std::min<std::int64_t>(w.inputs, 3), 8, 2, 12, 2};
    }
    for (const Workload& w : chosen) run(w, &w == &chosen.back());
    std::printf("]}\n");
  } catch (const indrnn::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
