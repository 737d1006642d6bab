#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "indrnn/error.hpp"
#include "io/safetensors.hpp"

namespace indrnn {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t longest_header = 100'000'000;  // as in the format's own library
constexpr std::size_t most_axes = 8;

constexpr std::array<std::pair<std::string_view, std::uint64_t>, 15> element_sizes = {{
    {"F64", 8},
    {"I64", 8},
    {"U64", 8},
    {"C64", 8},
    {"F32", 4},
    {"I32", 4},
    {"U32", 4},
    {"F16", 2},
    {"BF16", 2},
    {"I16", 2},
    {"U16", 2},
    {"F8_E4M3", 1},
    {"F8_E5M2", 1},
    {"I8", 1},
    {"U8", 1},
}};

[[noreturn]] void invalid(const std::string& why) {
  throw InvalidArgument("not a valid safetensors file: " + why);
}

// For messages: a hostile name may be long.
std::string shortened(std::string_view text) {
  std::string result("'");
  result.append(text.substr(0, 60)).append(text.size() > 60 ? "...'" : "'");
  return result;
}

struct Entry {
  FileTensor tensor;
  std::uint64_t begin = 0, end = 0;
  int fields = 0;  // bits of those that were there
};

// Takes the header as it is parsed and stops at the first thing that does not belong into one. Nothing is kept but
// what the result holds, and the parser does not recurse.
class HeaderReader : public nlohmann::json_sax<Json> {
 public:
  std::map<std::string, std::string> metadata;
  std::vector<Entry> entries;

  bool start_object(std::size_t) override {
    if (place_ == Place::outside) return go(Place::names);
    if (place_ == Place::value) return go(in_metadata_ ? Place::metadata : Place::tensor);
    invalid("the header has an object where none belongs");
  }

  bool end_object() override {
    if (place_ == Place::tensor) {
      if (entries.back().fields != all_fields)
        invalid(shortened(entries.back().tensor.name) + " lacks dtype, shape or data_offsets");
      return go(Place::names);
    }
    return go(place_ == Place::metadata ? Place::names : Place::outside);
  }

  bool key(string_t& name) override {
    if (place_ == Place::names) {
      in_metadata_ = name == "__metadata__";
      if (in_metadata_) {
        if (std::exchange(had_metadata_, true)) invalid("__metadata__ comes twice");
      } else {
        entries.emplace_back().tensor.name = std::move(name);
      }
      return go(Place::value);
    }
    if (place_ == Place::metadata) {
      key_ = std::move(name);
      return true;
    }
    field_ = name == "dtype" ? dtype : name == "shape" ? shape : name == "data_offsets" ? offsets : 0;
    if (field_ == 0) invalid("a tensor has the unknown field " + shortened(name));
    if ((entries.back().fields & field_) != 0) invalid("a tensor's field " + name + " comes twice");
    entries.back().fields |= field_;
    return true;
  }

  bool string(string_t& text) override {
    if (place_ == Place::metadata) {
      if (!metadata.emplace(std::move(key_), std::move(text)).second) invalid("a metadata key comes twice");
      return true;
    }
    if (place_ != Place::tensor || field_ != dtype) invalid("the header has a text where none belongs");
    entries.back().tensor.dtype = std::move(text);
    return true;
  }

  bool start_array(std::size_t) override {
    if (place_ != Place::tensor || field_ == dtype) invalid("the header has an array where none belongs");
    count_ = 0;
    return go(Place::numbers);
  }

  bool end_array() override {
    if (field_ == offsets && count_ != 2) invalid("data_offsets must be two numbers");
    return go(Place::tensor);
  }

  bool number_unsigned(number_unsigned_t number) override {
    if (place_ != Place::numbers) invalid("the header has a number where none belongs");
    Entry& entry = entries.back();
    if (field_ == shape) {
      if (count_ == most_axes) invalid("a shape has more than " + std::to_string(most_axes) + " sizes");
      if (number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
        invalid("a size is too large");
      entry.tensor.shape.push_back(static_cast<std::int64_t>(number));
    } else if (count_ < 2) {
      (count_ == 0 ? entry.begin : entry.end) = number;
    }
    ++count_;
    return true;
  }

  bool null() override { invalid("the header has a null"); }
  bool boolean(bool) override { invalid("the header has a truth value"); }
  bool number_integer(number_integer_t) override { invalid("the header has a negative number"); }
  bool number_float(number_float_t, const string_t&) override {
    invalid("the header has a number that is no index");
  }
  bool binary(binary_t&) override { invalid("the header is no JSON"); }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    invalid("the header is no JSON at byte " + std::to_string(position));
  }

 private:
  enum class Place { outside, names, value, metadata, tensor, numbers };
  enum Field { dtype = 1, shape = 2, offsets = 4 };
  static constexpr int all_fields = dtype | shape | offsets;

  bool go(Place place) {
    place_ = place;
    return true;
  }

  Place place_ = Place::outside;
  bool in_metadata_ = false, had_metadata_ = false;
  string_t key_;
  int field_ = 0;
  std::size_t count_ = 0;
};

std::uint64_t bytes_of(const FileTensor& tensor) {
  const auto* known =
      std::ranges::find(element_sizes, tensor.dtype, [](const auto& each) { return each.first; });
  if (known == element_sizes.end())
    invalid(shortened(tensor.name) + " has the unknown dtype " + shortened(tensor.dtype));
  std::uint64_t bytes = known->second;
  for (const std::int64_t size : tensor.shape) {
    if (__builtin_mul_overflow(bytes, static_cast<std::uint64_t>(size), &bytes))
      invalid(shortened(tensor.name) + " is larger than any file");
  }
  return bytes;
}

void check_names(const std::vector<Entry>& entries) {
  std::vector<std::string_view> names;
  for (const Entry& entry : entries) names.emplace_back(entry.tensor.name);
  std::ranges::sort(names);
  const auto twice = std::ranges::adjacent_find(names);
  if (twice != names.end()) invalid(shortened(*twice) + " comes twice");
}

// The tensors lie one after the other: so none overlaps another, and no byte is left over.
void check_places(std::vector<Entry>& entries, std::uint64_t size) {
  std::vector<const Entry*> by_place;
  for (const Entry& entry : entries) by_place.push_back(&entry);
  std::ranges::sort(by_place, {}, [](const Entry* each) { return std::pair(each->begin, each->end); });
  std::uint64_t reached = 0;
  for (const Entry* entry : by_place) {
    const std::string name = shortened(entry->tensor.name);
    if (entry->end < entry->begin || entry->end > size)
      invalid(name + " lies outside the file: it is truncated or its header is wrong");
    if (entry->begin != reached) invalid(name + " overlaps another tensor or leaves a gap");
    if (entry->end - entry->begin != bytes_of(entry->tensor))
      invalid(name + " has another size in bytes than its shape says");
    reached = entry->end;
  }
  if (reached != size) invalid("it has bytes that belong to no tensor");
}

}  // namespace

SafetensorsFile read_safetensors(std::span<const std::byte> file) {
  if (file.size() < 8) invalid("it is too short");
  std::uint64_t length = 0;
  for (int i = 7; i >= 0; --i)
    length = length << 8 | std::to_integer<std::uint64_t>(file[static_cast<std::size_t>(i)]);
  if (length > file.size() - 8 || length > longest_header)
    invalid("its header would be " + std::to_string(length) + " bytes long");
  const auto* text = reinterpret_cast<const char*>(file.data() + 8);
  const std::string_view header(text, static_cast<std::size_t>(length));
  // A zero byte would end the text for the parser.
  if (!header.starts_with('{') || header.find('\0') != std::string_view::npos)
    invalid("the header is no JSON");

  HeaderReader reader;
  Json::sax_parse(header, &reader);
  const std::span<const std::byte> data = file.subspan(8 + static_cast<std::size_t>(length));
  check_names(reader.entries);
  check_places(reader.entries, data.size());

  SafetensorsFile result{std::move(reader.metadata), {}};
  result.tensors.reserve(reader.entries.size());
  for (Entry& entry : reader.entries) {
    entry.tensor.data = data.subspan(static_cast<std::size_t>(entry.begin),
                                     static_cast<std::size_t>(entry.end - entry.begin));
    result.tensors.push_back(std::move(entry.tensor));
  }
  return result;
}

}  // namespace indrnn
