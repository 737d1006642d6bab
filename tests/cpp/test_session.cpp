// Sessions give what Network::step gives, whatever the layers, the batch, and whoever owns memory and threads.
#include <atomic>
#include <thread>

#include "inference/program.hpp"
#include "support.hpp"

namespace indrnn::testing {
namespace {

std::vector<nn::LayerSpec> norms() {
  return {nn::BatchNorm{},        nn::IndRNN{.size = 20},
          nn::BatchNorm{},        nn::Dropout{.p = 0.3},
          nn::Linear{.size = 17}, nn::BatchNorm{},
          nn::BatchNorm{},        nn::Recurrence{.activation = "tanh"},
          nn::BatchNorm{},        nn::LastStep{},
          nn::Linear{.size = 3},  nn::BatchNorm{}};
}

struct Case {
  const char* name;
  std::vector<nn::LayerSpec> layers;
};

std::vector<Case> cases() {
  const nn::LayerSpec linear = nn::Linear{.size = 5}, norm = nn::BatchNorm{};
  return {
      {"norms", norms()},
      {"one", {nn::Linear{.size = 1}}},
      {"nothing", {nn::LastStep{}}},
      {"norm alone", {norm}},
      {"recurrence first", {nn::Recurrence{}, linear}},
      {"recurrence behind a norm", {norm, nn::Recurrence{.activation = "tanh"}}},
      {"wide",
       {nn::IndRNN{.size = 128}, nn::IndRNN{.size = 200, .activation = "sigmoid"}, nn::Linear{.size = 70}}},
      {"zoneout", {nn::IndRNN{.size = 9, .bias = false, .zoneout = 0.25}, nn::Recurrence{.zoneout = 0.5}}},
      {"step norm",
       {nn::BatchNorm{.mode = "step", .time_steps = 2}, nn::IndRNN{.size = 4}, norm,
        nn::BatchNorm{.mode = "step", .time_steps = 3}}},
      {"residual",
       {linear, nn::Residual{{norm, nn::IndRNN{.size = 5}, norm, linear}}, norm, nn::IndRNN{.size = 3}}},
      {"fork of a product", {linear, nn::Residual{{norm}}, nn::Concat{{norm, nn::LayerNorm{}}}, linear}},
      {"dense",
       {nn::Concat{{norm, nn::IndRNN{.size = 6}}}, nn::Concat{{nn::TimeDifference{}}}, norm, linear}},
      {"difference", {nn::TimeDifference{}, nn::TimeDifference{}, nn::MeanOverTime{}}},
  };
}

// Statistics and parameters that are not those of a fresh network.
Network settled(const std::vector<nn::LayerSpec>& layers, DType dtype = DType::float64) {
  Network network = make_network(layers, 3, dtype, 5);
  std::mt19937_64 random(3);
  for (const NamedView& named : network.named_buffers()) {
    for (std::int64_t i = 0; i < named.view.shape.elements(); ++i) {
      const double value = 0.5 + std::uniform_real_distribution<double>()(random);
      if (dtype == DType::float64)
        named.view.as<double>()[i] = value;
      else
        named.view.as<float>()[i] = static_cast<float>(value);
    }
  }
  return network;
}

TEST(Session, StepsLikeTheNetwork) {
  for (const Case& each : cases()) {
    Network network = settled(each.layers);
    const Model model(network);
    for (const std::int64_t batch : {1, 2, 3, 5, 13}) {
      std::mt19937_64 random(1);
      Session session(model, {.batch = batch});
      State state = network.initial_state(batch);
      Tensor expected({batch, model.output_size()}, DType::float64), y = expected;
      for (int t = 0; t < 9; ++t) {
        Tensor x = normal_tensor({batch, 3}, random);
        network.step(x.view(), expected.view(), state);
        session.step(x.view(), y.view());
        expect_close(y.view(), expected.view(), 1e-12, each.name);
      }
      State own = session.state();
      EXPECT_EQ(own.steps, 9);
      expect_close(own.flat.view(), state.flat.view(), 1e-12, each.name);
    }
  }
}

TEST(Session, StepsLikeTheNetworkInFloat32) {
  for (const Case& each : cases()) {
    Network network = settled(each.layers, DType::float32);
    const Model model(network);
    Session session(model, {.batch = 6});
    State state = network.initial_state(6);
    Tensor expected({6, model.output_size()}, DType::float32), y = expected, x({6, 3}, DType::float32);
    std::mt19937 random(1);
    for (int t = 0; t < 9; ++t) {
      for (int i = 0; i < 18; ++i) x.data<float>()[i] = std::normal_distribution<float>()(random);
      network.step(x.view(), expected.view(), state);
      session.step(x.view(), y.view());
      for (std::int64_t i = 0; i < y.shape().elements(); ++i) {
        const float wanted = expected.data<float>()[i];
        ASSERT_NEAR(y.data<float>()[i], wanted, 3e-5F * std::max(1.0F, std::abs(wanted))) << each.name;
      }
    }
  }
}

TEST(Session, ReadsIndices) {
  Network network =
      make_network({nn::Embedding{.num = 7, .size = 5}, nn::IndRNN{.size = 5}, nn::TiedLinear{}}, 0);
  const Model model(network);
  EXPECT_TRUE(model.takes_indices());
  Session session(model, {.batch = 2});
  State state = network.initial_state(2);
  Tensor expected({2, 7}, DType::float64), y = expected;
  for (std::int64_t t = 0; t < 5; ++t) {
    const std::int64_t x[] = {t, 6 - t};
    network.step({x, {2}}, expected.view(), state);
    session.step({x, {2}}, y.view());
    expect_close(y.view(), expected.view(), 1e-12, "indices");
  }
  const std::int64_t bad[] = {0, 7};
  expect_error<InvalidArgument>([&] { session.step({bad, {2}}, y.view()); }, {"[step] x", "[0, 7)", "got 7"});
}

TEST(Session, RunIsStepsInARow) {
  Network network = settled(norms());
  const Model model(network);
  std::mt19937_64 random(1);
  const Tensor x = normal_tensor({6, 4, 3}, random);
  Tensor y({6, 4, 3}, DType::float64), last({4, 3}, DType::float64);
  Session whole(model, {.batch = 4}), single(model, {.batch = 4});
  whole.run(x.view(), y.view());
  for (int t = 0; t < 6; ++t) single.step({x.data<double>() + t * 12, Shape{4, 3}}, last.view());
  EXPECT_EQ(std::memcmp(last.data<double>(), y.data<double>() + 5 * 12, 12 * sizeof(double)), 0);
}

TEST(Session, StreamsAreIndependentAndReset) {
  const Model model(settled(norms()));
  std::mt19937_64 random(1);
  const Tensor x = normal_tensor({5, 3, 3}, random);
  Tensor y({5, 3, 3}, DType::float64), again = y;
  Session session(model, {.batch = 3});
  session.run(x.view(), y.view());
  session.reset();
  session.run(x.view(), again.view());
  EXPECT_TRUE(same_bits(y.view(), again.view()));

  session.reset(1);
  session.run(x.view(), again.view());
  for (int i = 0; i < 45; ++i) {
    const bool same = y.data<double>()[i] == again.data<double>()[i];
    EXPECT_TRUE(same || i / 3 % 3 != 1);  // it began anew; the others went on
  }
  EXPECT_FALSE(same_bits(y.view(), again.view()));
  EXPECT_THROW(session.reset(3), InvalidArgument);
}

TEST(Session, StateGoesToANetworkAndBack) {
  Network network = settled(norms());
  const Model model(network);
  std::mt19937_64 random(1);
  const Tensor x = normal_tensor({2, 3}, random);
  Tensor y({2, 3}, DType::float64), expected = y;
  Session session(model, {.batch = 2}), other(model, {.batch = 2});
  session.step(x.view(), y.view());
  State state = session.state();
  other.set_state(state);
  network.step(x.view(), expected.view(), state);
  session.step(x.view(), y.view());
  expect_close(y.view(), expected.view(), 1e-12, "network");
  other.step(x.view(), expected.view());
  EXPECT_TRUE(same_bits(y.view(), expected.view()));
  EXPECT_THROW(other.set_state(network.initial_state(3)), InvalidArgument);
}

TEST(Session, UsesTheCallersMemoryAndThreads) {
  const Model model(settled(norms()));
  constexpr std::int64_t batch = 21;
  std::vector<std::byte> raw(model.session_bytes(batch) + 64, std::byte{0xff});
  const std::size_t shift = (64 - reinterpret_cast<std::uintptr_t>(raw.data()) % 64) % 64;
  const std::span<std::byte> memory(raw.data() + shift, model.session_bytes(batch));
  std::atomic<int> calls{0};
  const TaskRunner threads{[](void* context, int tasks, void (*task)(void*, int), void* argument) {
                             *static_cast<std::atomic<int>*>(context) += tasks;
                             std::vector<std::jthread> workers;
                             for (int i = 0; i < tasks; ++i) workers.emplace_back(task, argument, i);
                           },
                           &calls};
  Session given(model, {.batch = batch, .memory = memory, .tasks = threads}), own(model, {.batch = batch});
  std::mt19937_64 random(1);
  Tensor y({batch, 3}, DType::float64), expected = y;
  for (int t = 0; t < 4; ++t) {
    const Tensor x = normal_tensor({batch, 3}, random);
    given.step(x.view(), y.view());
    own.step(x.view(), expected.view());
    EXPECT_TRUE(same_bits(y.view(), expected.view()));
  }
  EXPECT_EQ(calls, 4 * 6);
  EXPECT_EQ(raw.back(), std::byte{0xff}) << "wrote past the memory";
  expect_error<InvalidArgument>([&] { Session(model, {.batch = 22, .memory = memory}); },
                                {"memory", "bytes"});
  expect_error<InvalidArgument>([&] { Session(model, {.batch = 1, .memory = memory.subspan(8)}); },
                                {"memory", "multiple of 64"});
  expect_error<InvalidArgument>([&] { Session(model, {.batch = 0}); }, {"batch", "at least 1"});
}

TEST(Session, ManySessionsShareOneModel) {
  const Model model(settled(norms()));
  std::mt19937_64 random(1);
  const Tensor x = normal_tensor({50, 1, 3}, random);
  Tensor expected({50, 1, 3}, DType::float64);
  Session(model).run(x.view(), expected.view());
  std::vector<std::jthread> threads;
  std::atomic<int> wrong{0};
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, copy = model] {
      Session session(copy);
      Tensor y({50, 1, 3}, DType::float64);
      session.run(x.view(), y.view());
      if (!same_bits(y.view(), expected.view())) ++wrong;
    });
  }
  threads.clear();
  EXPECT_EQ(wrong, 0);
}

TEST(Session, OutlivesNetworkAndModelAndIgnoresLaterChanges) {
  std::mt19937_64 random(1);
  const Tensor x = normal_tensor({1, 3}, random);
  Tensor y({1, 3}, DType::float64), expected = y;
  const auto start = [&] {
    Network network = settled(norms());
    Session(Model(network)).step(x.view(), expected.view());
    Session session{Model(network)};
    fill_normal(network.parameters(), random);
    return session;
  };
  Session session = start();
  session.step(x.view(), y.view());
  EXPECT_TRUE(same_bits(y.view(), expected.view()));
}

TEST(Session, RefusesWhatItCannotRun) {
  expect_error<InvalidArgument>([] { Model(make_network({nn::Bidirectional{{nn::IndRNN{.size = 2}}}}, 3)); },
                                {"layer 0 (Bidirectional)", "cannot run step by step", "from its end"});
  expect_error<InvalidArgument>(
      [] { inference::throw_no_streaming_form({.type = "Attention", .path = "4"}); },
      {"[model] layer 4 (Attention) cannot run step by step: it has no streaming form"});
  Session session{Model(settled(norms()))};
  Tensor x({1, 3}, DType::float64), y({1, 3}, DType::float64), narrow({1, 2}, DType::float64);
  Tensor single({1, 3}, DType::float32);
  expect_error<InvalidArgument>([&] { session.step(narrow.view(), y.view()); },
                                {"[step] x", "[1, 3]", "[1, 2]"});
  expect_error<InvalidArgument>([&] { session.step(x.view(), narrow.view()); }, {"[step] y", "[1, 3]"});
  expect_error<TypeMismatch>([&] { session.step(single.view(), y.view()); }, {"[step] x", "float64"});
  expect_error<InvalidArgument>([&] { session.run(x.view(), y.view()); }, {"[run] x"});
  EXPECT_EQ(session.state().steps, 0);
}

}  // namespace
}  // namespace indrnn::testing
