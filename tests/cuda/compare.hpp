// A network on the device against the same network on the CPU: outputs, states, all gradients, running statistics.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "backend/device_context.hpp"
#include "indrnn/indrnn.hpp"

extern "C" int indrnn_cuda_register();

namespace indrnn::testing {

// On the first device. The backend is registered first, whichever test of the program runs alone.
inline Network cuda_network(const std::vector<nn::LayerSpec>& layers, std::int64_t input_size) {
  indrnn_cuda_register();
  return Network::create(layers, {.input_size = input_size, .device = "cuda"});
}

struct Case {
  std::string name;
  std::vector<nn::LayerSpec> layers;
  std::int64_t time_steps = 7, batch = 5, input_size = 3;
  DType dtype = DType::float64;
  bool training = true, keep = true, lengths = false, resets = false, state = true, dx = true;
  std::string memory = "store";
  std::string storage = "full";  // on the device
  bool small_integers = false;   // -1, 0 or 1 in all that is given: bfloat16 holds what comes of them
};

inline std::ostream& operator<<(std::ostream& out, const Case& each) { return out << each.name; }

// Everything that comes out of a forward and a backward, on the host, as doubles.
struct Outcome {
  std::vector<std::pair<std::string, std::vector<double>>> arrays;
};

inline std::vector<double> to_doubles(const Tensor& tensor) {
  std::vector<double> result(static_cast<std::size_t>(tensor.shape().elements()));
  for (std::size_t i = 0; i < result.size(); ++i) {
    result[i] = tensor.dtype() == DType::float32 ? static_cast<double>(tensor.data<float>()[i])
                                                 : tensor.data<double>()[i];
  }
  return result;
}

inline Tensor to_host(Network& network, const TensorView& view) {
  Tensor host(view.shape, view.dtype);
  if (const auto context = network.context(); context != nullptr) {
    context->download(view.data, host.data<void>(), host.bytes());
  } else {
    std::memcpy(host.data<void>(), view.data, host.bytes());
  }
  return host;
}

// A host array, copied to the device.
inline std::shared_ptr<void> on_device(DeviceContext& context, const void* host, std::size_t bytes) {
  auto memory = context.allocate(bytes);
  context.upload(host, memory.get(), bytes);
  return memory;
}

inline std::shared_ptr<void> on_device(DeviceContext& context, const Tensor& host) {
  return on_device(context, host.data<void>(), host.bytes());
}

inline double read_double(DeviceContext& context, const void* device) {
  double value = 0.0;
  context.download(device, &value, sizeof(value));
  return value;
}

inline void fill_random(Tensor& tensor, std::mt19937_64& random, bool small_integers = false) {
  std::normal_distribution<double> normal;
  for (std::int64_t i = 0; i < tensor.shape().elements(); ++i) {
    const double value = small_integers ? static_cast<double>(random() % 3) - 1.0 : normal(random);
    if (tensor.dtype() == DType::float32) {
      tensor.data<float>()[i] = static_cast<float>(value);
    } else {
      tensor.data<double>()[i] = value;
    }
  }
}

// The caller's arrays for a case; the same on every device.
struct CaseArrays {
  explicit CaseArrays(const Case& each, Network& network) {
    std::mt19937_64 random(5);
    if (network.takes_indices()) {
      x = Tensor({each.time_steps, each.batch}, DType::int64);
      const std::int64_t num = network.named_parameters()[0].view.shape[0];
      for (std::int64_t i = 0; i < x.shape().elements(); ++i)
        x.data<std::int64_t>()[i] = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(num));
    } else {
      x = Tensor({each.time_steps, each.batch, each.input_size}, each.dtype);
      fill_random(x, random, each.small_integers);
    }
    y = Tensor(network.output_shape(each.time_steps, each.batch), each.dtype);
    dy = y;
    fill_random(dy, random, each.small_integers);
    dx = Tensor(x.shape(), each.dtype);
    state = network.initial_state(each.batch);
    dstate = network.initial_state(each.batch);
    if (each.state) {
      fill_random(state.flat, random, each.small_integers);
      fill_random(dstate.flat, random, each.small_integers);
    }
    for (std::int64_t b = 0; b < each.batch; ++b)
      lengths.push_back(b % 4 == 1 ? 0 : std::max<std::int64_t>(0, each.time_steps - b));
    resets.assign(static_cast<std::size_t>(each.time_steps * each.batch), 0);
    for (std::size_t i = 0; i < resets.size(); ++i) resets[i] = i % 5 == 3 ? 1 : 0;
    options.training = each.training;
    options.keep = each.keep;
    if (each.lengths) options.lengths = {lengths.data(), Shape{each.batch}};
    if (each.resets) options.resets = {resets.data(), Shape{each.time_steps, each.batch}};
  }

  Tensor x, y, dy, dx;
  State state, dstate;
  std::vector<std::int64_t> lengths;
  std::vector<std::uint8_t> resets;
  ForwardOptions options;
};

inline Network make_case_network(const Case& each, const std::string& device) {
  Network network = Network::create(each.layers, {.input_size = each.input_size,
                                                  .dtype = each.dtype,
                                                  .device = device,
                                                  .seed = 3,
                                                  .memory = each.memory});
  if (device != "cpu") network.set_storage(each.storage);
  if (each.small_integers) {
    std::mt19937_64 random(7);
    Tensor values(network.parameters().shape, each.dtype);
    fill_random(values, random, true);
    if (const auto context = network.context(); context != nullptr) {
      context->upload(values.data<void>(), network.parameters().data, values.bytes());
    } else {
      std::memcpy(network.parameters().data, values.data<void>(), values.bytes());
    }
  }
  return network;
}

// Two rounds: the second finds gradients, running statistics and random numbers as the first left them.
inline Outcome run_case(const Case& each, const std::string& device) {
  Network network = make_case_network(each, device);
  Outcome outcome;
  const auto keep = [&](const std::string& name, const Tensor& tensor) {
    outcome.arrays.emplace_back(name, to_doubles(tensor));
  };
  CaseArrays arrays(each, network);
  for (const char* round : {"first ", "second "}) {
    network.forward(arrays.x.view(), arrays.y.view(), arrays.state, arrays.options);
    keep(std::string(round) + "y", arrays.y);
    keep(std::string(round) + "state", arrays.state.flat);
    if (!each.keep && !each.training) continue;
    const bool with_dx = each.dx && !network.takes_indices();
    network.backward(arrays.dy.view(), with_dx ? arrays.dx.view() : TensorView{}, &arrays.dstate);
    if (with_dx) keep(std::string(round) + "dx", arrays.dx);
    keep(std::string(round) + "dstate", arrays.dstate.flat);
    for (const NamedView& gradient : network.named_gradients())
      keep(std::string(round) + "gradient of " + gradient.name, to_host(network, gradient.view));
    for (const NamedView& buffer : network.named_buffers())
      keep(std::string(round) + buffer.name, to_host(network, buffer.view));
  }
  return outcome;
}

inline void expect_same(const Outcome& found, const Outcome& wanted, double tolerance) {
  ASSERT_EQ(found.arrays.size(), wanted.arrays.size());
  for (std::size_t i = 0; i < wanted.arrays.size(); ++i) {
    const auto& [name, expected] = wanted.arrays[i];
    const auto& actual = found.arrays[i].second;
    ASSERT_EQ(actual.size(), expected.size()) << name;
    double scale = 1e-2, difference = 0.0;
    for (double value : expected) scale = std::max(scale, std::abs(value));
    std::size_t worst = 0;
    for (std::size_t k = 0; k < expected.size(); ++k) {
      ASSERT_TRUE(std::isfinite(actual[k])) << name << " element " << k << " is " << actual[k];
      if (std::abs(actual[k] - expected[k]) > difference) worst = k;
      difference = std::max(difference, std::abs(actual[k] - expected[k]));
    }
    EXPECT_LE(difference / scale, tolerance)
        << name << " element " << worst << ": " << actual[worst] << " instead of " << expected[worst];
  }
}

// float64 differs by the order of sums; float32 also by exp and tanh, a few units in the last place of each step.
inline void expect_as_cpu(Case each) {
  indrnn_cuda_register();
  for (DType dtype : {DType::float64, DType::float32}) {
    each.dtype = dtype;
    SCOPED_TRACE(each.name + (dtype == DType::float32 ? " float32" : " float64"));
    expect_same(run_case(each, "cuda"), run_case(each, "cpu"), dtype == DType::float32 ? 2e-4 : 1e-11);
  }
}

// The case as it is, and with everything a caller may give or leave out.
inline void expect_as_cpu_in_all_modes(Case each, bool resets = true) {
  expect_as_cpu(each);
  each.lengths = true;
  expect_as_cpu(each);
  each.training = false;
  expect_as_cpu(each);
  each.dx = each.state = false;
  expect_as_cpu(each);
  each.keep = false;
  expect_as_cpu(each);
  if (!resets) return;
  each.keep = each.dx = each.state = each.training = each.resets = true;
  expect_as_cpu(each);
}

}  // namespace indrnn::testing
