// The C interface gives what the C++ one gives, and turns every failure into a status.
#include <limits>
#include <thread>

#include "failing_allocator.hpp"
#include "indrnn/indrnn.h"
#include "support.hpp"

namespace indrnn::testing {
namespace {

constexpr const char* classifier =
    R"({"input_size":2,"dtype":"float32","layers":[{"type":"IndRNN","size":8},{"type":"BatchNorm"},)"
    R"({"type":"LastStep"},{"type":"Linear","size":3}]})";

template <class Handle, void (*free)(Handle*)>
struct Free {
  void operator()(Handle* handle) const { free(handle); }
};
using NetworkHandle = std::unique_ptr<indrnn_network, Free<indrnn_network, indrnn_network_free>>;
using OptimizerHandle = std::unique_ptr<indrnn_optimizer, Free<indrnn_optimizer, indrnn_optimizer_free>>;
using StateHandle = std::unique_ptr<indrnn_state, Free<indrnn_state, indrnn_state_free>>;
using ModelHandle = std::unique_ptr<indrnn_model, Free<indrnn_model, indrnn_model_free>>;
using SessionHandle = std::unique_ptr<indrnn_session, Free<indrnn_session, indrnn_session_free>>;

NetworkHandle create(const char* json, std::uint64_t seed = 0) {
  indrnn_network* network = nullptr;
  EXPECT_EQ(indrnn_network_create(json, seed, &network), INDRNN_OK) << indrnn_last_message();
  return NetworkHandle(network);
}

std::vector<float> normal(std::size_t count, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::vector<float> values(count);
  for (float& value : values) value = std::normal_distribution<float>()(random);
  return values;
}

TEST(CInterface, ForwardAndBackwardAreThoseOfCpp) {
  const NetworkHandle handle = create(classifier, 7);
  Network network = Network::from_json(classifier, "cpu", 7);
  const std::vector<float> x = normal(5 * 4 * 2), dy = normal(4 * 3, 2);
  const std::int64_t lengths[] = {5, 2, 0, 4};
  std::vector<float> y(4 * 3), dx(5 * 4 * 2);
  ASSERT_EQ(indrnn_network_forward(handle.get(), 5, 4, x.data(), y.data(), nullptr, lengths, 1), INDRNN_OK);
  ASSERT_EQ(indrnn_network_backward(handle.get(), dy.data(), dx.data()), INDRNN_OK);

  const Tensor expected =
      network.forward({x.data(), {5, 4, 2}}, {.training = true, .lengths = {lengths, {4}}});
  Tensor expected_dx({5, 4, 2}, DType::float32);
  network.backward({dy.data(), {4, 3}}, expected_dx.view());
  EXPECT_EQ(std::memcmp(y.data(), expected.data<float>(), expected.bytes()), 0);
  EXPECT_EQ(std::memcmp(dx.data(), expected_dx.data<float>(), expected_dx.bytes()), 0);
  ASSERT_EQ(indrnn_network_num_parameters(handle.get()), network.gradients().shape[0]);
  EXPECT_EQ(std::memcmp(indrnn_network_gradients(handle.get()), network.gradients().data,
                        static_cast<std::size_t>(network.gradients().shape[0]) * sizeof(float)),
            0);
  EXPECT_EQ(indrnn_network_backward(handle.get(), dy.data(), nullptr), INDRNN_INVALID_ARGUMENT);
}

TEST(CInterface, SaysWhatANetworkIs) {
  const NetworkHandle handle = create(classifier);
  EXPECT_EQ(indrnn_network_dtype(handle.get()), INDRNN_FLOAT32);
  EXPECT_EQ(indrnn_network_takes_indices(handle.get()), 0);
  EXPECT_EQ(indrnn_network_gives_sequence(handle.get()), 0);
  EXPECT_EQ(indrnn_network_input_size(handle.get()), 2);
  EXPECT_EQ(indrnn_network_output_size(handle.get()), 3);
  std::int64_t offset = 0, shape[2] = {};
  ASSERT_EQ(indrnn_network_find_parameter(handle.get(), "3.bias", &offset, shape), INDRNN_OK);
  EXPECT_EQ(offset, indrnn_network_num_parameters(handle.get()) - 3);
  EXPECT_EQ(shape[0], 3);
  EXPECT_EQ(indrnn_network_find_parameter(handle.get(), "9.bias", &offset, shape), INDRNN_INVALID_ARGUMENT);
  EXPECT_NE(std::string(indrnn_last_message()).find("0.weight_hh"), std::string::npos);
}

TEST(CInterface, StepsWithAStateGoOnFromEachOther) {
  const NetworkHandle handle = create(classifier);
  indrnn_state* made = nullptr;
  ASSERT_EQ(indrnn_state_create(handle.get(), 4, &made), INDRNN_OK);
  const StateHandle state(made);
  const std::vector<float> x = normal(5 * 4 * 2);
  std::vector<float> whole(4 * 3), y(4 * 3);
  ASSERT_EQ(indrnn_network_forward(handle.get(), 5, 4, x.data(), whole.data(), nullptr, nullptr, 0),
            INDRNN_OK);
  for (int again = 0; again < 2; ++again) {
    indrnn_state_reset(state.get());
    for (int t = 0; t < 5; ++t) {
      ASSERT_EQ(indrnn_network_step(handle.get(), 4, x.data() + t * 8, y.data(), state.get()), INDRNN_OK);
    }
    for (std::size_t i = 0; i < y.size(); ++i) EXPECT_NEAR(y[i], whole[i], 1e-5F);
  }
  EXPECT_EQ(indrnn_network_step(handle.get(), 3, x.data(), y.data(), state.get()), INDRNN_INVALID_ARGUMENT);
}

// Of two ranks with the same numbers: every sum is twice one's own.
int double_all(void* context, double* values, size_t count) {
  auto& calls = *static_cast<int*>(context);
  if (++calls == 7) return 23;
  for (std::size_t i = 0; i < count; ++i) values[i] *= 2.0;
  return 0;
}

TEST(CInterface, ReductionIsThatOfCpp) {
  const NetworkHandle handle = create(classifier, 7);
  Network network = Network::from_json(classifier, "cpu", 7);
  network.set_reduction([](std::span<double> values) {
    for (double& value : values) value *= 2.0;
  });
  int calls = 0;
  const indrnn_reduction reduction{double_all, &calls};
  ASSERT_EQ(indrnn_network_set_reduction(handle.get(), &reduction), INDRNN_OK);
  ASSERT_EQ(indrnn_network_set_first_sample(handle.get(), 4), INDRNN_OK);
  const std::vector<float> x = normal(5 * 4 * 2), dy = normal(4 * 3, 2);
  std::vector<float> y(4 * 3);
  const auto step = [&] {
    const auto status = indrnn_network_forward(handle.get(), 5, 4, x.data(), y.data(), nullptr, nullptr, 1);
    return status != INDRNN_OK ? status : indrnn_network_backward(handle.get(), dy.data(), nullptr);
  };
  ASSERT_EQ(step(), INDRNN_OK);
  EXPECT_EQ(calls, 3);
  const Tensor expected = network.forward({x.data(), {5, 4, 2}}, {.training = true});
  EXPECT_EQ(std::memcmp(y.data(), expected.data<float>(), expected.bytes()), 0);

  ASSERT_EQ(step(), INDRNN_OK);
  EXPECT_EQ(step(), INDRNN_INTERNAL_ERROR);
  EXPECT_NE(std::string(indrnn_last_message()).find("23"), std::string::npos);
  ASSERT_EQ(indrnn_network_set_reduction(handle.get(), nullptr), INDRNN_OK);
  ASSERT_EQ(step(), INDRNN_OK);
  EXPECT_EQ(calls, 7);
  const indrnn_reduction nothing{nullptr, nullptr};
  EXPECT_EQ(indrnn_network_set_reduction(handle.get(), &nothing), INDRNN_INVALID_ARGUMENT);
  EXPECT_EQ(indrnn_network_set_reduction(nullptr, &reduction), INDRNN_INVALID_ARGUMENT);
  EXPECT_EQ(indrnn_network_set_first_sample(handle.get(), -1), INDRNN_INVALID_ARGUMENT);
}

TEST(CInterface, SessionsAreThoseOfCpp) {
  const NetworkHandle network = create(classifier, 3);
  indrnn_model* made = nullptr;
  ASSERT_EQ(indrnn_model_create(network.get(), &made), INDRNN_OK);
  ModelHandle model(made);
  EXPECT_EQ(indrnn_model_input_size(model.get()), 2);
  EXPECT_EQ(indrnn_model_output_size(model.get()), 3);
  EXPECT_EQ(indrnn_model_dtype(model.get()), INDRNN_FLOAT32);
  EXPECT_EQ(indrnn_model_takes_indices(model.get()), 0);
  std::size_t bytes = 0;
  ASSERT_EQ(indrnn_model_session_bytes(model.get(), 9, &bytes), INDRNN_OK);
  Tensor memory({static_cast<std::int64_t>(bytes)}, DType::uint8);
  const indrnn_task_runner backwards{[](void*, int tasks, void (*task)(void*, int), void* argument) {
                                       while (tasks > 0) task(argument, --tasks);
                                     },
                                     nullptr};
  indrnn_session* session = nullptr;
  EXPECT_EQ(indrnn_session_create(model.get(), 9, memory.data<void>(), bytes - 1, nullptr, &session),
            INDRNN_INVALID_ARGUMENT);
  ASSERT_EQ(indrnn_session_create(model.get(), 9, memory.data<void>(), bytes, &backwards, &session),
            INDRNN_OK);
  const SessionHandle held(session);
  model.reset();  // the session keeps the weights

  const std::vector<float> x = normal(4 * 9 * 2);
  std::vector<float> y(4 * 9 * 3), step(9 * 3);
  Network same = Network::from_json(classifier, "cpu", 3);
  Session expected(Model(same), {.batch = 9});
  Tensor expected_y({4, 9, 3}, DType::float32);
  expected.run({x.data(), {4, 9, 2}}, expected_y.view());
  ASSERT_EQ(indrnn_session_run(session, 4, x.data(), y.data()), INDRNN_OK);
  EXPECT_EQ(std::memcmp(y.data(), expected_y.data<float>(), expected_y.bytes()), 0);
  ASSERT_EQ(indrnn_session_reset(session, -1), INDRNN_OK);
  ASSERT_EQ(indrnn_session_step(session, x.data(), step.data()), INDRNN_OK);
  EXPECT_TRUE(std::equal(step.begin(), step.end(), y.begin()));
  EXPECT_EQ(indrnn_session_reset(session, 9), INDRNN_INVALID_ARGUMENT);
}

TEST(CInterface, TrainStepsLearn) {
  const NetworkHandle network = create(classifier, 1);
  indrnn_optimizer* made = nullptr;
  ASSERT_EQ(indrnn_adam_create(network.get(), 1e-2, 0.0, &made), INDRNN_OK);
  const OptimizerHandle optimizer(made);
  const std::vector<float> x = normal(5 * 4 * 2);
  const std::int64_t targets[] = {0, 2, 1, 0}, lengths[] = {5, 5, 3, 1};
  double first = 0.0, loss = 0.0;
  for (int i = 0; i < 200; ++i) {
    ASSERT_EQ(indrnn_train_step(optimizer.get(), INDRNN_SOFTMAX_CROSS_ENTROPY, 5, 4, x.data(), targets,
                                lengths, 1.0, &loss),
              INDRNN_OK);
    if (i == 0) first = loss;
  }
  EXPECT_LT(loss, first / 20);
  EXPECT_EQ(indrnn_train_step(optimizer.get(), 7, 5, 4, x.data(), targets, lengths, 1.0, &loss),
            INDRNN_INVALID_ARGUMENT);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(indrnn_train_step(optimizer.get(), INDRNN_SOFTMAX_CROSS_ENTROPY, 5, 4, x.data(), targets, lengths,
                              nan, &loss),
            INDRNN_INVALID_ARGUMENT);
  EXPECT_STREQ(indrnn_last_message(), "[train_step] clip must be a number, got nan");
}

TEST(CInterface, RefusesALearningRateThatNoStepTakes) {
  const NetworkHandle network = create(classifier, 1);
  for (const bool adam : {true, false}) {
    indrnn_optimizer* made = nullptr;
    ASSERT_EQ(adam ? indrnn_adam_create(network.get(), 1e-2, 0.0, &made)
                   : indrnn_sgd_create(network.get(), 1e-2, 0.0, 0.0, &made),
              INDRNN_OK);
    const OptimizerHandle optimizer(made);
    const double infinity = std::numeric_limits<double>::infinity();
    for (const double lr : {std::numeric_limits<double>::quiet_NaN(), infinity, -0.1}) {
      EXPECT_EQ(indrnn_optimizer_set_lr(optimizer.get(), lr), INDRNN_INVALID_ARGUMENT) << lr;
      EXPECT_NE(std::string(indrnn_last_message()).find("lr must be a finite number >= 0"),
                std::string::npos);
      EXPECT_EQ(indrnn_optimizer_step(optimizer.get()), INDRNN_OK);  // the rate before is kept
    }
    EXPECT_EQ(indrnn_optimizer_set_lr(optimizer.get(), 0.0), INDRNN_OK);
  }
}

TEST(CInterface, TrainStepCountsOnlyRowsWithinLengths) {
  const char* tagger = R"({"input_size":2,"dtype":"float64","layers":[{"type":"IndRNN","size":3}]})";
  const NetworkHandle network = create(tagger);
  indrnn_optimizer* made = nullptr;
  ASSERT_EQ(indrnn_sgd_create(network.get(), 0.0, 0.0, 0.0, &made), INDRNN_OK);
  const OptimizerHandle optimizer(made);
  std::mt19937_64 random(1);
  const Tensor x = normal_tensor({3, 2, 2}, random);
  Tensor targets = normal_tensor({3, 2, 3}, random);
  const std::int64_t lengths[] = {3, 1};
  double loss = 0.0, again = 0.0;
  const auto run = [&](double* result) {
    return indrnn_train_step(optimizer.get(), INDRNN_MEAN_SQUARED_ERROR, 3, 2, x.data<double>(),
                             targets.data<double>(), lengths, 0.0, result);
  };
  ASSERT_EQ(run(&loss), INDRNN_OK);
  for (std::int64_t t = 1; t < 3; ++t) targets.data<double>()[(t * 2 + 1) * 3] = 1e30;  // past the length
  ASSERT_EQ(run(&again), INDRNN_OK);
  EXPECT_EQ(again, loss);
}

TEST(CInterface, EveryFailureIsAStatusWithAMessage) {
  indrnn_network* network = nullptr;
  EXPECT_EQ(indrnn_network_create("{", 0, &network), INDRNN_INVALID_ARGUMENT);
  EXPECT_NE(std::string(indrnn_last_message()).find("JSON"), std::string::npos);
  EXPECT_EQ(indrnn_network_create(nullptr, 0, &network), INDRNN_INVALID_ARGUMENT);
  EXPECT_STREQ(indrnn_last_message(), "json must be given, got NULL");
  EXPECT_EQ(indrnn_network_load("/nowhere/model.safetensors", &network), INDRNN_FILE_ERROR);
  EXPECT_EQ(indrnn_network_load_memory("rubbish", 7, &network), INDRNN_INVALID_ARGUMENT);
  EXPECT_EQ(indrnn_network_create(R"({"input_size":1,"dtype":"int64","layers":[{"type":"LastStep"}]})", 0,
                                  &network),
            INDRNN_TYPE_MISMATCH);
  const std::string huge = R"({"type":"Linear","size":2000000000})";
  EXPECT_EQ(
      indrnn_network_create((R"({"input_size":2000000000,"layers":[)" + huge + "]}").c_str(), 0, &network),
      INDRNN_OUT_OF_MEMORY);
  EXPECT_EQ(network, nullptr);
  EXPECT_EQ(indrnn_set_num_threads(0), INDRNN_INVALID_ARGUMENT);

  const NetworkHandle handle = create(classifier);
  float y[3];
  EXPECT_EQ(indrnn_network_forward(handle.get(), -1, 1, y, y, nullptr, nullptr, 0), INDRNN_INVALID_ARGUMENT);
  EXPECT_EQ(indrnn_network_forward(handle.get(), 1, std::numeric_limits<std::int64_t>::max(), y, y, nullptr,
                                   nullptr, 0),
            INDRNN_OUT_OF_MEMORY);
  EXPECT_EQ(indrnn_network_forward(handle.get(), 1, 1, nullptr, y, nullptr, nullptr, 0),
            INDRNN_INVALID_ARGUMENT);
  EXPECT_EQ(indrnn_network_forward(nullptr, 1, 1, y, y, nullptr, nullptr, 0), INDRNN_INVALID_ARGUMENT);
  EXPECT_EQ(indrnn_session_step(nullptr, y, y), INDRNN_INVALID_ARGUMENT);
  EXPECT_EQ(indrnn_network_num_parameters(nullptr), -1);
  indrnn_network_free(nullptr);
}

TEST(CInterface, MessagesBelongToTheirThread) {
  EXPECT_EQ(indrnn_set_num_threads(0), INDRNN_INVALID_ARGUMENT);
  const std::string here = indrnn_last_message();
  std::jthread([] { EXPECT_STREQ(indrnn_last_message(), ""); }).join();
  EXPECT_EQ(indrnn_last_message(), here);
}

// A whole life through the C interface, with the n-th allocation failing, for every n until none fails.
TEST(CInterface, RunningOutOfMemoryAnywhereIsAStatus) {
  const std::vector<float> x = normal(5 * 4 * 2);
  const std::int64_t targets[] = {0, 2, 1, 0};
  const auto life = [&]() -> indrnn_status {
    indrnn_network* network = nullptr;
    if (const auto status = indrnn_network_create(classifier, 0, &network); status != INDRNN_OK)
      return status;
    const NetworkHandle held(network);
    indrnn_optimizer* optimizer = nullptr;
    if (const auto status = indrnn_adam_create(network, 1e-2, 0.0, &optimizer); status != INDRNN_OK)
      return status;
    const OptimizerHandle held_optimizer(optimizer);
    double loss = 0.0;
    float y[4 * 3];
    for (int i = 0; i < 2; ++i) {
      const auto status = indrnn_train_step(optimizer, INDRNN_SOFTMAX_CROSS_ENTROPY, 5, 4, x.data(), targets,
                                            nullptr, 1.0, &loss);
      if (status != INDRNN_OK) return status;
    }
    if (const auto status = indrnn_network_forward(network, 5, 4, x.data(), y, nullptr, nullptr, 0);
        status != INDRNN_OK)
      return status;
    indrnn_model* model = nullptr;
    if (const auto status = indrnn_model_create(network, &model); status != INDRNN_OK) return status;
    const ModelHandle held_model(model);
    indrnn_session* session = nullptr;
    if (const auto status = indrnn_session_create(model, 4, nullptr, 0, nullptr, &session);
        status != INDRNN_OK)
      return status;
    const SessionHandle held_session(session);
    return indrnn_session_step(session, x.data(), y);
  };
  ASSERT_EQ(life(), INDRNN_OK);  // the threads, and whatever else is made once
  int failures = 0;
  for (long n = 0;; ++n) {
    const FailingAllocations failing(n);
    const indrnn_status status = life();
    if (!failing.failed()) {
      EXPECT_EQ(status, INDRNN_OK);
      break;
    }
    // The standard library does without some of its temporary buffers.
    if (status == INDRNN_OK) continue;
    ++failures;
    ASSERT_EQ(status, INDRNN_OUT_OF_MEMORY) << "allocation " << n << ": " << indrnn_last_message();
  }
  EXPECT_GT(failures, 200);
}

}  // namespace
}  // namespace indrnn::testing
