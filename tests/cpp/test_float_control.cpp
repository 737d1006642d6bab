// States and gradients that fade away end as zeros: denormal numbers cost some processors hundreds of cycles each.
#include "core/float_control.hpp"

#include <cfloat>
#include <cmath>

#include "core/threads.hpp"
#include "support.hpp"

namespace indrnn::testing {
namespace {

constexpr std::int64_t time_steps = 400, batch = 3;  // 0.5^400 is 4e-121

// A state that halves with every step, from an input at the first step alone.
Network fading() {
  const nn::LayerSpec layer = nn::Recurrence{.activation = "identity", .init_low = 0.5, .init_high = 0.5};
  const std::vector<nn::LayerSpec> layers{layer, layer};
  return Network::create(layers, {.input_size = 20});
}

Tensor impulse() {
  Tensor x({time_steps, batch, 20}, DType::float32);
  std::fill_n(x.data<float>(), batch * 20, 1.0F);
  return x;
}

void expect_faded(const Tensor& values) {
  std::int64_t normal = 0, zeros = 0;
  for (std::int64_t i = 0; i < values.shape().elements(); ++i) {
    const float value = std::abs(values.data<float>()[i]);
    ASSERT_TRUE(value == 0.0F || value >= FLT_MIN) << "denormal at " << i << ": " << value;
    ++(value == 0.0F ? zeros : normal);
  }
  EXPECT_GT(normal, 100 * 20 * batch);  // it does fade over normal numbers first
  EXPECT_GT(zeros, 100 * 20 * batch);
}

TEST(FloatControl, NetworksFlushDenormals) {
  for (int threads : {1, 2}) {
    set_num_threads(threads);
    const std::uint64_t before = float_control();
    Network network = fading();
    const Tensor x = impulse();
    Tensor y({time_steps, batch, 20}, DType::float32), dx = y, dy = y;
    network.forward(x.view(), y.view(), {.training = true});
    expect_faded(y);
    std::fill_n(dy.data<float>() + (time_steps - 1) * batch * 20, batch * 20, 1.0F);
    network.backward(dy.view(), dx.view());
    expect_faded(dx);
    EXPECT_EQ(float_control(), before);
  }
  set_num_threads(1);
}

TEST(FloatControl, StreamsFlushDenormals) {
  const std::uint64_t before = float_control();
  const Tensor x = impulse();
  Tensor y({time_steps, batch, 20}, DType::float32);
  Session session(Model(fading()), {.batch = batch});
  session.run(x.view(), y.view());
  expect_faded(y);
  Network network = fading();
  State state = network.initial_state(batch);
  for (std::int64_t t = 0; t < time_steps; ++t) {
    const std::int64_t row = t * batch * 20;
    network.step({x.data<float>() + row, {batch, 20}}, {y.data<float>() + row, {batch, 20}}, state);
  }
  expect_faded(y);
  EXPECT_EQ(float_control(), before);
}

TEST(FloatControl, TheHostsModeComesBackAfterAnError) {
  const std::uint64_t before = float_control();
  EXPECT_THROW(parallel_for(3, [](std::int64_t, int) { throw Error("planned"); }), Error);
  EXPECT_EQ(float_control(), before);
}

}  // namespace
}  // namespace indrnn::testing
