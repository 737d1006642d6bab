// Errors. Every public function checks its arguments before work starts and throws one of these;
// the message names the operation, the argument, what came and what is needed.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

#include "indrnn/export.hpp"

namespace indrnn {

class INDRNN_API Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A shape, range, name or combination of arguments that cannot be used. Python: ValueError.
class INDRNN_API InvalidArgument : public Error {
 public:
  using Error::Error;
};

// A buffer of the wrong element type; nothing is ever cast silently. Python: TypeError.
class INDRNN_API TypeMismatch : public Error {
 public:
  using Error::Error;
};

// A workspace or buffer that could not be allocated. Python: MemoryError.
class INDRNN_API OutOfMemory : public Error {
 public:
  using Error::Error;
};

// A device that is unknown, missing or failed. Python: RuntimeError.
class INDRNN_API DeviceError : public Error {
 public:
  using Error::Error;
};

// A file that cannot be opened, read or written. Python: OSError.
class INDRNN_API FileError : public Error {
 public:
  FileError(const std::string& message, int code_, std::string path_)
      : Error(message), code(code_), path(std::move(path_)) {}

  int code;  // errno
  std::string path;
};

// The host asked a running call to stop (see set_interrupt_check). Python: KeyboardInterrupt.
class INDRNN_API Interrupted : public Error {
 public:
  using Error::Error;
};

}  // namespace indrnn
