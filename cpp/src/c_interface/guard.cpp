#include "c_interface/guard.hpp"

#include <algorithm>
#include <cstring>
#include <exception>
#include <new>
#include <string>

namespace indrnn::c_interface {
namespace {

constexpr std::size_t longest_message = 512;
thread_local constinit char last_message[longest_message] = "";

indrnn_status keep(indrnn_status status, const char* message) noexcept {
  keep_message(message);
  return status;
}

}  // namespace

void keep_message(const char* message) noexcept {
  const std::size_t length = std::min(std::strlen(message), longest_message - 1);
  std::memcpy(last_message, message, length);
  last_message[length] = '\0';
}

indrnn_status status_of_exception() noexcept {
  try {
    throw;
  } catch (const InvalidArgument& error) {
    return keep(INDRNN_INVALID_ARGUMENT, error.what());
  } catch (const TypeMismatch& error) {
    return keep(INDRNN_TYPE_MISMATCH, error.what());
  } catch (const OutOfMemory& error) {
    return keep(INDRNN_OUT_OF_MEMORY, error.what());
  } catch (const DeviceError& error) {
    return keep(INDRNN_DEVICE_ERROR, error.what());
  } catch (const FileError& error) {
    return keep(INDRNN_FILE_ERROR, error.what());
  } catch (const Interrupted& error) {
    return keep(INDRNN_INTERRUPTED, error.what());
  } catch (const std::bad_alloc&) {
    return keep(INDRNN_OUT_OF_MEMORY, "out of memory");
  } catch (const std::exception& error) {
    return keep(INDRNN_INTERNAL_ERROR, error.what());
  } catch (...) {
    return keep(INDRNN_INTERNAL_ERROR, "an unknown error");
  }
}

void require(const void* pointer, const char* name) {
  if (pointer == nullptr) throw InvalidArgument(std::string(name) + " must be given, got NULL");
}

}  // namespace indrnn::c_interface

using namespace indrnn::c_interface;

const char* indrnn_version(void) noexcept { return indrnn::version(); }
const char* indrnn_last_message(void) noexcept { return last_message; }
indrnn_status indrnn_set_num_threads(int count) noexcept {
  return guarded([&] { indrnn::set_num_threads(count); });
}
int indrnn_num_threads(void) noexcept {
  int count = 1;
  return guarded([&] { count = indrnn::num_threads(); }) == INDRNN_OK ? count : 1;
}
