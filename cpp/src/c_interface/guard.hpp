// The border of the C interface: exceptions become statuses here.
#pragma once

#include "indrnn/indrnn.h"
#include "indrnn/indrnn.hpp"

namespace indrnn::c_interface {

// Keeps the message for this thread; allocates nothing.
void keep_message(const char* message) noexcept;
// Of the exception that is being handled.
indrnn_status status_of_exception() noexcept;

template <class Work>
indrnn_status guarded(const Work& work) noexcept {
  try {
    work();
    return INDRNN_OK;
  } catch (...) {
    return status_of_exception();
  }
}

// Throws InvalidArgument for a null pointer.
void require(const void* pointer, const char* name);

// indrnn_network_forward, throwing.
void run_forward(indrnn_network& handle, std::int64_t time_steps, std::int64_t batch, const void* x, void* y,
                 State* state, const std::int64_t* lengths, bool training);

}  // namespace indrnn::c_interface

// What the handles are.

struct indrnn_network {
  indrnn::Network network;
  indrnn::State zero{};                               // of the last batch that was run without a state
  std::int64_t kept_time_steps = -1, kept_batch = 0;  // of the last forward in training; -1: none
  indrnn::Tensor output{}, mask{};                    // of indrnn_train_step
};

struct indrnn_state {
  indrnn::State state;
};

struct indrnn_model {
  indrnn::Model model;
};

struct indrnn_session {
  indrnn::Model model;
  indrnn::Session session;
};
