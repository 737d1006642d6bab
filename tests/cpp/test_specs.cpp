// Specs as structs, as JSON, and as the names and shapes of parameters.
#include <string>
#include <vector>

#include "support.hpp"

namespace indrnn::testing {
namespace {

using nn::LayerSpec;

std::vector<LayerSpec> every_layer() {
  return {nn::Embedding{.num = 9, .size = 4, .init = "normal", .init_scale = 0.02},
          nn::Linear{.size = 6, .bias = false, .init = "kaiming_normal", .init_scale = 0.0},
          nn::BatchNorm{.momentum = 0.2, .epsilon = 1e-3},
          nn::Recurrence{.activation = "tanh", .init_low = 0.25, .init_high = 0.75},
          nn::IndRNN{.size = 5, .activation = "sigmoid"},
          nn::Dropout{.p = 0.25},
          nn::LastStep{},
          nn::Linear{.size = 3}};
}

TEST(LayerSpec, HoldsTheFieldsOfItsStruct) {
  const LayerSpec spec = nn::Linear{.size = 7, .bias = false};
  EXPECT_EQ(spec.type, "Linear");
  EXPECT_EQ(std::get<std::int64_t>(spec.fields.at("size")), 7);
  EXPECT_EQ(std::get<bool>(spec.fields.at("bias")), false);
  EXPECT_EQ(std::get<std::string>(spec.fields.at("init")), "kaiming_uniform");
  EXPECT_EQ(std::get<double>(spec.fields.at("init_scale")), 8.0);
  EXPECT_EQ(spec, LayerSpec(nn::Linear{.size = 7, .bias = false}));
  EXPECT_NE(spec, LayerSpec(nn::Linear{.size = 7}));
}

TEST(LayerSpec, NetworkFromJsonIsTheNetworkFromStructs) {
  Network from_structs = make_network(
      {nn::IndRNN{.size = 8}, nn::BatchNorm{}, nn::LastStep{}, nn::Linear{.size = 2}}, 3, DType::float32, 5);
  Network from_text = Network::from_json(
      R"({"input_size": 3, "dtype": "float32", "layers": [{"type": "IndRNN", "size": 8}, {"type": "BatchNorm"},
          {"type": "LastStep"}, {"type": "Linear", "size": 2}]})",
      "cpu", 5);
  EXPECT_EQ(from_structs.to_json(), from_text.to_json());
  EXPECT_EQ(from_structs.layers(), from_text.layers());
  EXPECT_TRUE(same_bits(from_structs.parameters(), from_text.parameters()));
}

TEST(LayerSpec, JsonReadsBackEqual) {
  for (DType dtype : {DType::float32, DType::float64}) {
    Network network = make_network(every_layer(), 0, dtype);
    Network again = Network::from_json(network.to_json());
    EXPECT_EQ(again.to_json(), network.to_json());
    EXPECT_EQ(again.layers(), every_layer());
    EXPECT_EQ(again.options().dtype, dtype);
    EXPECT_TRUE(again.takes_indices());
  }
  Network network = make_network({nn::Linear{.size = 2}}, 11);
  EXPECT_EQ(Network::from_json(network.to_json()).options().input_size, 11);
}

TEST(Parameters, HaveNamesAndShapesInTheOrderOfTheFlatBuffer) {
  Network network = make_network(every_layer(), 0);
  const std::vector<std::pair<std::string, Shape>> expected{
      {"0.weight", {9, 4}}, {"1.weight", {6, 4}}, {"2.weight", {6}}, {"2.bias", {6}},
      {"3.weight_hh", {6}}, {"4.weight", {5, 6}}, {"4.bias", {5}},   {"4.weight_hh", {5}},
      {"7.weight", {3, 5}}, {"7.bias", {3}}};
  for (auto& [all, flat] : {std::pair{network.named_parameters(), network.parameters()},
                            std::pair{network.named_gradients(), network.gradients()}}) {
    ASSERT_EQ(all.size(), expected.size());
    std::int64_t offset = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_EQ(all[i].name, expected[i].first);
      EXPECT_EQ(all[i].view.shape, expected[i].second) << all[i].name;
      EXPECT_EQ(all[i].view.data, flat.as<double>() + offset) << all[i].name;
      offset += all[i].view.shape.elements();
    }
    EXPECT_EQ(flat.shape, Shape{offset});
  }
  const auto buffers = network.named_buffers();
  ASSERT_EQ(buffers.size(), 2U);
  EXPECT_EQ(buffers[0].name, "2.running_mean");
  EXPECT_EQ(buffers[1].name, "2.running_var");
  for (double value : elements(buffers[0].view)) EXPECT_EQ(value, 0.0);
  for (double value : elements(buffers[1].view)) EXPECT_EQ(value, 1.0);
}

TEST(Parameters, StartInTheirRanges) {
  Network network = make_network({nn::Linear{.size = 200, .init = "uniform", .init_scale = 0.3},
                                  nn::Recurrence{.init_low = 0.5, .init_high = 0.6},
                                  nn::Linear{.size = 200, .init = "normal", .init_scale = 0.1},
                                  nn::Linear{.size = 200, .init_scale = 8.0}, nn::BatchNorm{}},
                                 100);
  const auto all = network.named_parameters();
  const auto range = [&](const std::string& name) {
    for (const NamedView& each : all) {
      if (each.name != name) continue;
      const auto values = elements(each.view);
      const auto [low, high] = std::ranges::minmax(values);
      return std::pair{low, high};
    }
    return std::pair{0.0, 0.0};
  };
  EXPECT_GE(range("0.weight").first, -0.3);
  EXPECT_LT(range("0.weight").first, -0.29);
  EXPECT_GT(range("0.weight").second, 0.29);
  EXPECT_LE(range("0.weight").second, 0.3);
  EXPECT_EQ(range("0.bias"), (std::pair{0.0, 0.0}));
  EXPECT_GE(range("1.weight_hh").first, 0.5);
  EXPECT_LE(range("1.weight_hh").second, 0.6);
  EXPECT_GT(range("1.weight_hh").second - range("1.weight_hh").first, 0.09);
  double squares = 0.0;
  for (double value : elements(all[3].view)) squares += value * value;  // 2.weight
  EXPECT_NEAR(std::sqrt(squares / 40000), 0.1, 0.002);
  const double bound = std::sqrt(6.0 / ((1 + 64.0) * 200));  // Kaiming-uniform: gain * sqrt(3 / fan_in)
  EXPECT_LE(range("3.weight").second, bound);
  EXPECT_GT(range("3.weight").second, 0.99 * bound);
  EXPECT_EQ(range("4.weight"), (std::pair{1.0, 1.0}));
  EXPECT_EQ(range("4.bias"), (std::pair{0.0, 0.0}));
}

TEST(Parameters, FollowTheSeed) {
  const std::vector<LayerSpec> layers{nn::IndRNN{.size = 8}};
  Network one = make_network(layers, 3, DType::float64, 1), same = make_network(layers, 3, DType::float64, 1);
  Network other = make_network(layers, 3, DType::float64, 2);
  EXPECT_TRUE(same_bits(one.parameters(), same.parameters()));
  EXPECT_FALSE(same_bits(one.parameters(), other.parameters()));
}

void expect_refused(std::vector<LayerSpec> layers, std::int64_t input_size,
                    const std::vector<std::string>& parts) {
  expect_error<InvalidArgument>([&] { make_network(layers, input_size); }, parts);
}

TEST(LayerSpec, MistakesAreNamed) {
  expect_refused({}, 2, {"layers"});
  expect_refused({nn::Linear{.size = 2}}, 0, {"input_size", "got 0"});
  expect_refused({nn::Linear{.size = 2}, nn::Linear{.size = 0}}, 2, {"layer 1", "Linear", "size", "got 0"});
  expect_refused({nn::Recurrence{.activation = "gelu"}}, 2, {"layer 0", "activation", "relu", "gelu"});
  expect_refused({nn::Linear{.size = 2, .init = "xavier"}}, 2, {"init", "kaiming_uniform", "xavier"});
  expect_refused({nn::BatchNorm{.mode = "batch"}}, 2, {"mode", "sequence", "batch"});
  expect_refused({nn::Dropout{.p = 1.0}}, 2, {"p ", "got 1"});
  expect_refused({nn::Embedding{.num = 0, .size = 2}}, 0, {"Embedding", "num", "got 0"});
  expect_refused({nn::Linear{.size = 2}, nn::Embedding{.num = 3, .size = 2}}, 2, {"layer 1", "Embedding"});
  expect_refused({nn::LastStep{}, nn::Recurrence{}}, 2, {"layer 1", "Recurrence"});
  const std::vector<LayerSpec> readers = {nn::LastStep{},
                                          nn::MeanOverTime{},
                                          nn::TimeDifference{},
                                          nn::Recurrence{},
                                          nn::Bidirectional{{nn::IndRNN{.size = 2}}},
                                          nn::BatchNorm{.mode = "step", .time_steps = 3}};
  for (const LayerSpec& reader : readers) {  // one wording, that names no layer which is not there
    expect_refused({nn::MeanOverTime{}, reader}, 2,
                   {"layer 1 (" + reader.type + ") must read a sequence",
                    "got one row of each: the time steps end at a layer before it"});
  }
  LayerSpec unknown;
  unknown.type = "Conv";
  expect_refused({unknown}, 2, {"layer 0", "Conv", "Linear"});
  LayerSpec strange = nn::Linear{.size = 2};
  strange.fields.emplace("width", std::int64_t{3});
  expect_refused({strange}, 2, {"width", "size"});
  LayerSpec text = nn::Linear{.size = 2};
  text.fields["size"] = std::string("2");
  expect_refused({text}, 2, {"size", "an integer"});
}

TEST(LayerSpec, BrokenJsonIsRefused) {
  for (const char* text :
       {"", "{", "[]", "3", "{\"layers\": 3}", "{\"layers\": [{}], \"input_size\": 2}",
        "{\"layers\": [], \"input_size\": 2}", "{\"layers\": [{\"type\": 3}], \"input_size\": 2}"}) {
    EXPECT_THROW(Network::from_json(text), InvalidArgument) << text;
  }
  EXPECT_THROW(Network::from_json(R"({"input_size": 2, "dtype": "int8", "layers": [{"type": "LastStep"}]})"),
               Error);
}

TEST(LayerSpec, UnknownDeviceIsRefused) {
  const std::vector<LayerSpec> layers{nn::Linear{.size = 2}};
  expect_error<DeviceError>([&] { Network::create(layers, {.input_size = 2, .device = "tpu"}); },
                            {"tpu", "cpu"});
}

}  // namespace
}  // namespace indrnn::testing
