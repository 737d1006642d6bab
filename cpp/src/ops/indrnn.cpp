// The recurrence alone on time-major arrays: checks, then the same kernels the network runs, one sample per task.
#include <cstring>

#include "backend/cpu/kernels/kernels.hpp"
#include "core/check.hpp"
#include "core/dispatch.hpp"
#include "core/threads.hpp"
#include "indrnn/ops.hpp"
#include "layers/activation.hpp"
#include "plan/call_checks.hpp"

namespace indrnn::ops {
namespace {

int activation_index(const char* operation, const std::string& name) {
  const auto activation = find_activation(name);
  if (!activation) throw InvalidArgument("[" + std::string(operation) + "] " + unknown_activation(name));
  return static_cast<int>(*activation);
}

// The state before the first step, in memory of the operation's own: [B, H].
Tensor starting_state(const ConstTensorView& h0, std::int64_t batch, std::int64_t hidden_size, DType dtype) {
  Tensor state({batch, hidden_size}, dtype);
  if (h0.given()) std::memcpy(state.data<void>(), h0.data, state.bytes());
  return state;
}

}  // namespace

void indrnn_forward(ConstTensorView z, ConstTensorView u, ConstTensorView h0, ConstTensorView lengths,
                    const std::string& activation, TensorView h) {
  const char* operation = "indrnn_forward";
  check_float(operation, "z", z);
  check_rank(operation, "z", z, 3, "[T, B, H]");
  const std::int64_t time_steps = z.shape[0], batch = z.shape[1], hidden_size = z.shape[2];
  check_view(operation, "u", u, z.dtype, {hidden_size}, "[H]");
  if (h0.given()) check_view(operation, "h0", h0, z.dtype, {batch, hidden_size}, "[B, H]");
  check_view(operation, "h", h, z.dtype, z.shape, "[T, B, H]");
  check_lengths(operation, lengths, time_steps, batch);
  const int index = activation_index(operation, activation);
  Tensor state = starting_state(h0, batch, hidden_size, z.dtype);

  dispatch_float(z.dtype, [&](auto zero) {
    using T = decltype(zero);
    parallel_for(batch, [&](std::int64_t sample, int) {
      cpu::kernels<T>().recurrence_forward[index]({
          .z = z.as<T>() + sample * hidden_size,
          .h = h.as<T>() + sample * hidden_size,
          .samples = 1,
          .steps = time_steps,
          .features = hidden_size,
          .sample_stride = 0,
          .step_stride = batch * hidden_size,
          .u = u.as<T>(),
          .bias = nullptr,
          .state = state.data<T>() + sample * hidden_size,
          .valid = lengths.given() ? lengths.as<std::int64_t>() + sample : nullptr,
          .resets = nullptr,
          .reset_sample_stride = 0,
          .reset_step_stride = 0,
      });
    });
  });
}

void indrnn_backward(ConstTensorView dh, ConstTensorView h, ConstTensorView u, ConstTensorView h0,
                     ConstTensorView lengths, const std::string& activation, TensorView dz, TensorView du,
                     TensorView dh0) {
  const char* operation = "indrnn_backward";
  check_float(operation, "dh", dh);
  check_rank(operation, "dh", dh, 3, "[T, B, H]");
  const std::int64_t time_steps = dh.shape[0], batch = dh.shape[1], hidden_size = dh.shape[2];
  check_view(operation, "h", h, dh.dtype, dh.shape, "[T, B, H]");
  check_view(operation, "u", u, dh.dtype, {hidden_size}, "[H]");
  if (h0.given()) check_view(operation, "h0", h0, dh.dtype, {batch, hidden_size}, "[B, H]");
  check_lengths(operation, lengths, time_steps, batch);
  check_view(operation, "dz", dz, dh.dtype, dh.shape, "[T, B, H]");
  check_view(operation, "du", du, dh.dtype, {hidden_size}, "[H]");
  check_view(operation, "dh0", dh0, dh.dtype, {batch, hidden_size}, "[B, H]");
  const int index = activation_index(operation, activation);
  const Tensor state = starting_state(h0, batch, hidden_size, dh.dtype);
  Tensor sums({batch, hidden_size},
              DType::float64);  // du of each sample, added in order: same bits on any threads

  dispatch_float(dh.dtype, [&](auto zero) {
    using T = decltype(zero);
    std::memset(dh0.data, 0, static_cast<std::size_t>(batch * hidden_size) * sizeof(T));
    parallel_for(batch, [&](std::int64_t sample, int) {
      cpu::kernels<T>().recurrence_backward[index]({
          .dh = dh.as<T>() + sample * hidden_size,
          .h = h.as<T>() + sample * hidden_size,
          .dz = dz.as<T>() + sample * hidden_size,
          .samples = 1,
          .steps = time_steps,
          .features = hidden_size,
          .sample_stride = 0,
          .step_stride = batch * hidden_size,
          .u = u.as<T>(),
          .state = state.data<T>() + sample * hidden_size,
          .state_gradient = dh0.as<T>() + sample * hidden_size,
          .du = sums.data<double>() + sample * hidden_size,
          .dbias = nullptr,
          .valid = lengths.given() ? lengths.as<std::int64_t>() + sample : nullptr,
          .resets = nullptr,
          .reset_sample_stride = 0,
          .reset_step_stride = 0,
      });
    });
    for (std::int64_t j = 0; j < hidden_size; ++j) {
      double sum = 0.0;
      for (std::int64_t sample = 0; sample < batch; ++sample)
        sum += sums.data<double>()[sample * hidden_size + j];
      du.as<T>()[j] = static_cast<T>(sum);
    }
  });
}

}  // namespace indrnn::ops
