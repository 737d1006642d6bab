// The structures that arrays are exchanged in (DLPack 1, dmlc/dlpack): their layout is the protocol.
#pragma once

#include <cstdint>

namespace indrnn::python::dlpack {

inline constexpr std::int32_t cpu = 1, cuda = 2, cuda_managed = 13;  // types of device

struct Device {
  std::int32_t type;
  std::int32_t index;
};

struct DataType {
  std::uint8_t code;
  std::uint8_t bits;
  std::uint16_t lanes;
  bool operator==(const DataType&) const = default;
};
inline constexpr std::uint8_t integer = 0, floating = 2, boolean = 6;  // codes

struct Tensor {
  void* data;
  Device device;
  std::int32_t rank;
  DataType dtype;
  std::int64_t* shape;
  std::int64_t* strides;  // in elements; nullptr: C-contiguous
  std::uint64_t byte_offset;
};

// In a capsule named "dltensor", "used_dltensor" once somebody has taken it over.
struct Managed {
  Tensor tensor;
  void* context;
  void (*deleter)(Managed*);
};

// In a capsule named "dltensor_versioned".
struct ManagedVersioned {
  std::uint32_t major;
  std::uint32_t minor;
  void* context;
  void (*deleter)(ManagedVersioned*);
  std::uint64_t flags;
  Tensor tensor;
};
inline constexpr std::uint64_t read_only = 1;  // flag

}  // namespace indrnn::python::dlpack
