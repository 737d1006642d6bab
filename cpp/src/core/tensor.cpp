#include "indrnn/tensor.hpp"

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <limits>
#include <utility>

#include "core/check.hpp"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace indrnn {
namespace {

constexpr std::size_t alignment = 64;  // a cache line, and the widest vector register

struct DTypeInfo {
  DType dtype;
  const char* name;
  std::size_t size;
};
constexpr DTypeInfo dtypes[] = {
    {DType::float32, "float32", 4},
    {DType::float64, "float64", 8},
    {DType::int64, "int64", 8},
    {DType::uint8, "uint8", 1},
};

const DTypeInfo& info_of(DType dtype) {
  const auto index = static_cast<std::size_t>(dtype);
  if (index < std::size(dtypes)) return dtypes[index];
  throw TypeMismatch("DType must be one of those that indrnn/tensor.hpp names, got number " +
                     std::to_string(index));
}

// Whether the product of the sizes fits; 0 if any size is 0, whatever the others are.
bool count_elements(const Shape& shape, std::int64_t& count) {
  count = 1;
  bool fits = true;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (shape[axis] == 0) {
      count = 0;
      return true;
    }
    fits = fits && !__builtin_mul_overflow(count, shape[axis], &count);
  }
  return fits;
}

// Asks the system to map a large block in large pages: a workspace of some hundred megabytes is walked from end to end
// once or twice per call, and small pages make that a table walk every 4 KiB.
void advise_large_pages([[maybe_unused]] void* block, [[maybe_unused]] std::size_t bytes) {
#if defined(MADV_HUGEPAGE)
  constexpr std::size_t large_page = 2 * 1024 * 1024;
  const auto begin = (reinterpret_cast<std::uintptr_t>(block) + large_page - 1) / large_page * large_page;
  const auto end = (reinterpret_cast<std::uintptr_t>(block) + bytes) / large_page * large_page;
  // A refusal changes nothing but the speed.
  if (begin < end) (void)madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#endif
}

// calloc, because the system hands out large zeroed blocks without touching them. The pointer that calloc gave is kept
// just below the aligned one.
void* allocate_zeroed(std::size_t bytes) {
  constexpr std::size_t overhead = alignment + sizeof(void*);
  if (bytes > std::numeric_limits<std::size_t>::max() - overhead - alignment) return nullptr;
  // Rounded up, so that a kernel may read the last vector whole.
  void* block = std::calloc(1, (bytes + alignment - 1) / alignment * alignment + overhead);
  if (block == nullptr) return nullptr;
  advise_large_pages(block, bytes);
  const auto first = reinterpret_cast<std::uintptr_t>(block) + sizeof(void*);
  auto* aligned = reinterpret_cast<void**>((first + alignment - 1) / alignment * alignment);
  aligned[-1] = block;
  return aligned;
}

}  // namespace

std::size_t size_of(DType dtype) { return info_of(dtype).size; }

const char* name_of(DType dtype) { return info_of(dtype).name; }

DType dtype_from_name(const std::string& name) {
  std::string known;
  for (const DTypeInfo& info : dtypes) {
    if (name == info.name) return info.dtype;
    known += (known.empty() ? "" : ", ") + std::string(info.name);
  }
  throw TypeMismatch("dtype must be one of " + known + ", got \"" + name + "\"");
}

Shape::Shape(std::initializer_list<std::int64_t> sizes) {
  for (std::int64_t size : sizes) append(size);
}

void Shape::append(std::int64_t size) {
  if (rank_ == max_rank)
    throw InvalidArgument("a shape must have at most " + std::to_string(max_rank) + " dimensions, got " +
                          to_string() + " and one of size " + std::to_string(size));
  if (size < 0) throw InvalidArgument("a size in a shape must be at least 0, got " + std::to_string(size));
  sizes_[static_cast<std::size_t>(rank_++)] = size;
}

std::int64_t Shape::elements() const {
  std::int64_t count = 0;
  if (!count_elements(*this, count))
    throw InvalidArgument("a shape must have less than 2^63 elements, got " + to_string());
  return count;
}

std::string Shape::to_string() const {
  std::string text = "[";
  for (int axis = 0; axis < rank_; ++axis) text += (axis > 0 ? ", " : "") + std::to_string((*this)[axis]);
  return text + "]";
}

bool Shape::operator==(const Shape& other) const { return rank_ == other.rank_ && sizes_ == other.sizes_; }

Tensor::Tensor(Shape shape, DType dtype) : shape_(shape), dtype_(dtype) {
  std::int64_t elements = 0;
  std::size_t bytes = 0;
  if (!count_elements(shape, elements) ||
      __builtin_mul_overflow(static_cast<std::size_t>(elements), size_of(dtype), &bytes))
    throw OutOfMemory("a " + std::string(name_of(dtype)) + " tensor of shape " + shape.to_string() +
                      " is larger than any memory");
  if (bytes == 0) return;
  data_.reset(allocate_zeroed(bytes));
  if (!data_)
    throw OutOfMemory("could not allocate " + std::to_string(bytes) + " bytes for a " + name_of(dtype) +
                      " tensor of shape " + shape.to_string());
}

Tensor::Tensor(const Tensor& other) : shape_(other.shape_), dtype_(other.dtype_) {
  if (!other.data_) return;
  *this = Tensor(other.shape_, other.dtype_);
  std::memcpy(data_.get(), other.data_.get(), bytes());
}

Tensor& Tensor::operator=(const Tensor& other) {
  if (this != &other) *this = Tensor(other);
  return *this;
}

std::size_t Tensor::bytes() const {
  return data_ ? static_cast<std::size_t>(shape_.elements()) * size_of(dtype_) : 0;
}

void Tensor::Free::operator()(void* pointer) const { std::free(static_cast<void**>(pointer)[-1]); }

}  // namespace indrnn
