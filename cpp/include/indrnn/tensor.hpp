// Views of, and owners of, C-contiguous buffers.
//
// Letters used in every shape: T time steps, B batch, F features, I inputs, H hidden neurons.
// Sequences are time-major: [T, B, F] means element (t, b, f) lies at (t * B + b) * F + f.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>

#include "indrnn/export.hpp"

namespace indrnn {

enum class DType : std::uint8_t { float32, float64, int64, uint8 };

INDRNN_API std::size_t size_of(DType dtype);                // bytes of one element
INDRNN_API const char* name_of(DType dtype);                // "float32", ...
INDRNN_API DType dtype_from_name(const std::string& name);  // throws TypeMismatch and lists the known names

// The types that elements have in C++. A pointer to any other type is no tensor: a view of it does not compile.
// int64 is `long` as well as `long long`, where they have 64 bits; uint8 is `bool` too, for masks.
template <class T>
concept IntegerElement =
    std::same_as<T, std::int64_t> ||
    ((std::same_as<T, long> || std::same_as<T, long long>) && sizeof(T) == sizeof(std::int64_t));
template <class T>
concept ByteElement = std::same_as<T, std::uint8_t> || (std::same_as<T, bool> && sizeof(bool) == 1);
template <class T>
concept Element = std::same_as<T, float> || std::same_as<T, double> || IntegerElement<T> || ByteElement<T>;

template <Element T>
inline constexpr DType dtype_of = IntegerElement<T> ? DType::int64 : DType::uint8;
template <>
inline constexpr DType dtype_of<float> = DType::float32;
template <>
inline constexpr DType dtype_of<double> = DType::float64;

// Up to four sizes, held in place so that making a view allocates nothing.
class INDRNN_API Shape {
 public:
  static constexpr int max_rank = 4;
  Shape() = default;
  Shape(std::initializer_list<std::int64_t> sizes);

  int rank() const { return rank_; }
  std::int64_t operator[](int axis) const { return sizes_[static_cast<std::size_t>(axis)]; }
  std::int64_t elements() const;  // product of the sizes; 1 for rank 0
  std::string to_string() const;  // "[784, 32, 1]"
  void append(std::int64_t size);
  bool operator==(const Shape& other) const;

 private:
  std::array<std::int64_t, max_rank> sizes_{};
  int rank_ = 0;
};

// Memory somebody else owns and keeps alive; read-only. Empty (data == nullptr, rank 0) means "not given".
struct ConstTensorView {
  const void* data = nullptr;
  Shape shape;
  DType dtype = DType::float32;

  ConstTensorView() = default;
  ConstTensorView(const void* data_, Shape shape_, DType dtype_)
      : data(data_), shape(shape_), dtype(dtype_) {}
  template <Element T>
  ConstTensorView(const T* data_, Shape shape_) : data(data_), shape(shape_), dtype(dtype_of<T>) {}

  bool given() const { return data != nullptr || shape.rank() > 0; }
  template <class T>
  const T* as() const {
    return static_cast<const T*>(data);
  }
};

// Memory somebody else owns and keeps alive; writable.
struct TensorView {
  void* data = nullptr;
  Shape shape;
  DType dtype = DType::float32;

  TensorView() = default;
  TensorView(void* data_, Shape shape_, DType dtype_) : data(data_), shape(shape_), dtype(dtype_) {}
  template <Element T>
  TensorView(T* data_, Shape shape_) : data(data_), shape(shape_), dtype(dtype_of<T>) {}

  bool given() const { return data != nullptr || shape.rank() > 0; }
  template <class T>
  T* as() const {
    return static_cast<T*>(data);
  }
  operator ConstTensorView() const { return {data, shape, dtype}; }
};

// An owned, 64-byte aligned, zero-initialised buffer. Copying copies the elements.
class INDRNN_API Tensor {
 public:
  Tensor() = default;
  Tensor(Shape shape, DType dtype);  // throws OutOfMemory
  Tensor(const Tensor& other);
  Tensor(Tensor&&) noexcept = default;
  Tensor& operator=(const Tensor& other);
  Tensor& operator=(Tensor&&) noexcept = default;

  const Shape& shape() const { return shape_; }
  DType dtype() const { return dtype_; }
  std::size_t bytes() const;
  TensorView view() { return {data_.get(), shape_, dtype_}; }
  ConstTensorView view() const { return {data_.get(), shape_, dtype_}; }
  template <class T>
  T* data() {
    return static_cast<T*>(data_.get());
  }
  template <class T>
  const T* data() const {
    return static_cast<const T*>(data_.get());
  }

 private:
  struct Free {
    void operator()(void* pointer) const;
  };
  std::unique_ptr<void, Free> data_;
  Shape shape_;
  DType dtype_ = DType::float32;
};

}  // namespace indrnn
