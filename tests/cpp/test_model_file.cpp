// Model files: the same bytes from C++ and Python, and nothing that a hostile one may do.
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>

#include "../fuzz/model_file.hpp"
#include "support.hpp"

namespace indrnn::testing {
namespace {

const std::filesystem::path tests = INDRNN_TESTS_DIR;

std::vector<std::byte> read(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto* first = reinterpret_cast<const std::byte*>(text.data());
  return {first, first + text.size()};
}

// A file of its own for each test, gone afterwards.
struct TemporaryFile {
  std::filesystem::path path = std::filesystem::temp_directory_path() /
                               ("indrnn_" + std::to_string(std::random_device()()) + ".safetensors");
  ~TemporaryFile() { std::filesystem::remove(path); }
};

Network trained() {
  Network network =
      make_network({nn::IndRNN{.size = 6}, nn::BatchNorm{}, nn::LastStep{}, nn::Linear{.size = 3}}, 2);
  std::mt19937_64 random(4);
  network.forward(normal_tensor({5, 4, 2}, random).view(), {.training = true});
  return network;
}

std::vector<std::byte> file_of(const std::string& header, std::size_t data = 0) {
  std::vector<std::byte> bytes(8 + header.size() + data);
  for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<std::byte>(header.size() >> (8 * i));
  std::memcpy(bytes.data() + 8, header.data(), header.size());
  return bytes;
}

std::string message_of(const std::vector<std::byte>& file) {
  try {
    Network::from_bytes(file);
  } catch (const InvalidArgument& error) {
    return error.what();
  }
  return "it was read";
}

// A header with this description and these tensors; quotation marks are written as '.
std::vector<std::byte> model(std::string description, std::string tensors = "", std::size_t data = 0) {
  std::string text = "{'__metadata__':{'format':'indrnn_engine','format_version':'1','network':'";
  for (const char c : description) text += c == '\'' ? "\\'" : std::string(1, c);
  text += "'}" + tensors + "}";
  std::ranges::replace(text, '\'', '"');
  return file_of(text, data);
}

TEST(ModelFile, ComesBackTheSameInEveryBit) {
  const TemporaryFile file;
  Network network = trained();
  network.save(file.path.string(), {{"note", "ü"}});
  Network loaded = Network::load(file.path.string());
  EXPECT_EQ(loaded.to_json(), network.to_json());
  EXPECT_EQ(loaded.random_state(), network.random_state());
  EXPECT_TRUE(std::ranges::equal(elements(loaded.parameters()), elements(network.parameters())));
  EXPECT_EQ(loaded.to_bytes({{"note", "ü"}}), read(file.path));
  EXPECT_EQ(read_metadata(file.path.string()).at("note"), "ü");
  for (const double gradient : elements(loaded.gradients())) EXPECT_EQ(gradient, 0.0);
}

TEST(ModelFile, KeepsNumbersThatAreNotFinite) {
  Network network = trained();
  elements(network.parameters())[0] = std::numeric_limits<double>::quiet_NaN();
  elements(network.parameters())[1] = -std::numeric_limits<double>::infinity();
  Network loaded = Network::from_bytes(network.to_bytes());
  EXPECT_EQ(std::memcmp(loaded.parameters().data, network.parameters().data, 16), 0);
}

TEST(ModelFile, OfVersion1IsReadForEver) {
  Network network = Network::load((tests / "data" / "model_version_1.safetensors").string());
  EXPECT_EQ(network.random_state(), (std::pair<std::uint64_t, std::uint64_t>(11, 1)));
  std::vector<float> x(7 * 3 * 2);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = (static_cast<float>(i % 5) - 2.0F) / 4.0F;
  const Tensor y = network.forward({x.data(), {7, 3, 2}});
  const float expected[] = {-0.09743394F, 0.19799155F, -0.14682607F, 0.18555708F, -0.07961327F, 0.20252892F};
  for (int i = 0; i < 6; ++i) EXPECT_NEAR(y.data<float>()[i], expected[i], 1e-6F);  // other instruction sets
}

TEST(ModelFile, SavingLeavesTheOldFileWhenItFails) {
  const TemporaryFile file;
  Network network = trained();
  network.save(file.path.string());
  const std::vector<std::byte> before = read(file.path);
  EXPECT_THROW(network.save(file.path.string(), {{"format", "x"}}), InvalidArgument);
  EXPECT_THROW(network.save(file.path.string(), {{"note", "\xff"}}), InvalidArgument);
  EXPECT_EQ(read(file.path), before);
  try {
    network.save((file.path / "below" / "a_file").string());
    FAIL();
  } catch (const FileError& error) {
    EXPECT_EQ(error.code, ENOTDIR);
  }
}

TEST(ModelFile, SavingReplacesFilesOnlyAndKeepsTheirPermissions) {
  const Network network = trained();
  const auto folder =
      std::filesystem::temp_directory_path() / ("indrnn_" + std::to_string(std::random_device()()));
  std::filesystem::create_directory(folder);
  const auto pipe = folder / "pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THROW(network.save(pipe.string()), FileError);
  EXPECT_TRUE(std::filesystem::is_fifo(pipe));

  const auto file = folder / std::string(250, 'm');  // as long as a name may be, nearly
  network.save(file.string());
  using std::filesystem::perms;
  std::filesystem::permissions(file, perms::owner_read | perms::owner_write);
  network.save(file.string());
  EXPECT_EQ(std::filesystem::status(file).permissions(), perms::owner_read | perms::owner_write);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 2);
  std::filesystem::remove_all(folder);
}

TEST(ModelFile, ErrorsOfTheSystemHaveTheirNumberAndPath) {
  try {
    Network::load("/nowhere/model.safetensors");
    FAIL();
  } catch (const FileError& error) {
    EXPECT_EQ(error.code, ENOENT);
    EXPECT_EQ(error.path, "/nowhere/model.safetensors");
  }
  try {
    trained().save("/nowhere/model.safetensors");
    FAIL();
  } catch (const FileError& error) {  // not the temporary file's beside it
    EXPECT_EQ(error.code, ENOENT);
    EXPECT_EQ(error.path, "/nowhere/model.safetensors");
    EXPECT_EQ(std::string(error.what()),
              "could not write /nowhere/model.safetensors: No such file or directory");
  }
  EXPECT_THROW(Network::load(std::filesystem::temp_directory_path().string()), FileError);
  EXPECT_THROW(Network::load("/dev/zero"), FileError);
}

TEST(HostileFile, EveryTruncationIsRefused) {
  std::vector<std::byte> file = trained().to_bytes();
  while (!file.empty()) {
    file.pop_back();
    EXPECT_FALSE(try_model_file(file)) << file.size();
  }
}

TEST(HostileFile, AnyFlippedBitGivesAnErrorOrANetwork) {
  const std::vector<std::byte> file = trained().to_bytes();
  int refused = 0;
  for (std::size_t i = 0; i < file.size(); ++i) {
    std::vector<std::byte> flipped = file;
    flipped[i] ^= std::byte(1 << i % 8);
    refused += try_model_file(flipped) ? 0 : 1;
  }
  EXPECT_GT(refused, 500);
}

TEST(HostileFile, HeadersThatAreWrongAreRefusedByWhatIsWrong) {
  const auto tensor = [](const std::string& fields) {
    std::string header = "{'a':{" + fields + "}}";
    std::ranges::replace(header, '\'', '"');
    return message_of(file_of(header, 8));
  };
  const std::pair<std::string, std::string> cases[] = {
      {tensor("'dtype':'F32','shape':[2],'data_offsets':[0,9]"), "lies outside the file"},
      {tensor("'dtype':'F32','shape':[2],'data_offsets':[0,18446744073709551615]"), "lies outside"},
      {tensor("'dtype':'F32','shape':[2],'data_offsets':[8,0]"), "lies outside"},
      {tensor("'dtype':'F32','shape':[1],'data_offsets':[4,8]"), "overlaps another tensor or leaves a gap"},
      {tensor("'dtype':'F32','shape':[1],'data_offsets':[0,4]"), "bytes that belong to no tensor"},
      {tensor("'dtype':'F32','shape':[3],'data_offsets':[0,8]"), "another size in bytes"},
      {tensor("'dtype':'F32','shape':[4294967296,4294967296],'data_offsets':[0,8]"), "larger than any file"},
      {tensor("'dtype':'F32','shape':[9223372036854775808],'data_offsets':[0,8]"), "too large"},
      {tensor("'dtype':'F32','shape':[1,1,1,1,1,1,1,1,2],'data_offsets':[0,8]"), "more than 8 sizes"},
      {tensor("'dtype':'F33','shape':[2],'data_offsets':[0,8]"), "unknown dtype"},
      {tensor("'dtype':'F32','shape':[2],'data_offsets':[0]"), "must be two numbers"},
      {tensor("'dtype':'F32','shape':[2]"), "lacks"},
      {tensor("'dtype':'F32','dtype':'F32','shape':[2],'data_offsets':[0,8]"), "comes twice"},
      {tensor("'dtype':'F32','shape':[-2],'data_offsets':[0,8]"), "negative number"},
      {tensor("'dtype':'F32','shape':[2.0],'data_offsets':[0,8]"), "no index"},
      {tensor("'dtype':'F32','shape':[[2]],'data_offsets':[0,8]"), "array where none belongs"},
      {tensor("'dtype':'F32','shape':{},'data_offsets':[0,8]"), "object where none belongs"},
      {tensor("'dtype':null,'shape':[2],'data_offsets':[0,8]"), "a null"},
      {tensor("'stride':[2]"), "unknown field"},
      {message_of(file_of(R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},)"
                          R"("a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})")),
       "'a' comes twice"},
      {message_of(file_of(R"({"__metadata__":{},"__metadata__":{}})")), "__metadata__ comes twice"},
      {message_of(file_of(R"({"__metadata__":{"x":"1","x":"2"}})")), "metadata key comes twice"},
      {message_of(file_of(R"({"__metadata__":{"x":1}})")), "number where none belongs"},
      {message_of(file_of(std::string("{}\0{", 4))), "no JSON"},
      {message_of(file_of("{\"\xff\":1}")), "no JSON"},
      {message_of(file_of(std::string(1'000'000, '{'))), "no JSON"},
      {message_of(file_of("{\"a\":" + std::string(1'000'000, '['))), "array where none belongs"},
      {message_of(file_of("[]")), "no JSON"},
      {message_of(file_of("{}")), "not a network saved by indrnn_engine"},
  };
  for (const auto& [message, expected] : cases)
    EXPECT_NE(message.find(expected), std::string::npos) << message;
}

TEST(HostileFile, LayersThatAreWrongAreRefusedByWhatIsWrong) {
  std::string nested = "{'type':'LastStep'}", doubling = "{'type':'Dropout'}";
  for (int i = 0; i < 100; ++i) nested = "{'type':'Residual','layers':[" + nested + "]}";
  for (int i = 0; i < 40; ++i) doubling = "{'type':'Bidirectional','layers':[" + doubling + "]}";
  const auto layers = [](const std::string& text) {
    return message_of(model("{'input_size':2,'layers':[" + text + "]}"));
  };
  const std::string spec_number = "{'type':'Dropout','p':1e999}", deep(100'000, '[');
  const std::pair<std::string, std::string> cases[] = {
      {message_of(model("")), "must be a JSON object"},
      {message_of(model(deep)), "must be a JSON object"},
      {message_of(model("{'layers':[],'layers':[]}")), "key 'layers' twice"},
      {layers("{'type':'Dropout','p':0.5,'p':0.5}"), "key 'p' twice"},
      {layers(nested), "must not nest deeper"},
      {layers(doubling), "at most 32768 operations"},
      {layers(spec_number), "must be a JSON object"},
      {layers("{'type':'Dropout','p':NaN}"), "must be a JSON object"},
      {layers("{'type':'Linear','size':2147483647},{'type':'Linear','size':2147483647}"),
       "larger than any memory"},
      {layers("{'type':'Linear','size':2147483647}"), "are missing"},
      {layers("{'type':'Linear','size':9223372036854775808}"), "must be below 2^63"},
      {layers("{'type':'Linear','size':1.5}"), "must be an integer"},
  };
  for (const auto& [message, expected] : cases)
    EXPECT_NE(message.find(expected), std::string::npos) << message;
}

TEST(HostileFile, TheCorpusIsHarmless) {
  int files = 0, networks = 0;
  for (const auto& entry : std::filesystem::directory_iterator(tests / "fuzz" / "corpus" / "model_file")) {
    ++files;
    networks += try_model_file(read(entry.path())) ? 1 : 0;
  }
  EXPECT_GE(files, 20);
  EXPECT_GE(networks, 3);
}

}  // namespace
}  // namespace indrnn::testing
