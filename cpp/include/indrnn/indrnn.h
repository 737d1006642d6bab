/* The C interface: networks, training, and sessions for streams.
 *
 * Every function that can fail returns a status; indrnn_last_message says in words what the last failure on this thread
 * was. No exception and no abort crosses this interface, and running out of memory is a status like any other. What a
 * function gives through its last argument is written only when it succeeds.
 *
 * Handles are opaque. `*_free` takes NULL. A handle may be used by one thread at a time, different handles by different
 * threads; an indrnn_model may be used by any number of threads at once. A model lives on while sessions use it; a
 * network must outlive its optimizers.
 *
 * Letters in shapes: T time steps, B batch, I inputs, O outputs. Arrays are C-contiguous and belong to the caller. Their
 * element type is the network's (indrnn_network_dtype): float or double; x of a network that takes indices is int64_t.
 */
#ifndef INDRNN_INDRNN_H
#define INDRNN_INDRNN_H

#include <stddef.h>
#include <stdint.h>

#include "export.hpp" /* nothing but the macro INDRNN_API */

#ifdef __cplusplus
extern "C" {
#define INDRNN_NOEXCEPT noexcept
#else
#define INDRNN_NOEXCEPT
#endif

typedef enum indrnn_status {
  INDRNN_OK = 0,
  INDRNN_INVALID_ARGUMENT = 1, /* a shape, range, name, null pointer, damaged file, ... */
  INDRNN_TYPE_MISMATCH = 2,
  INDRNN_OUT_OF_MEMORY = 3,
  INDRNN_DEVICE_ERROR = 4,
  INDRNN_FILE_ERROR = 5, /* cannot be opened, read or written */
  INDRNN_INTERRUPTED = 6,
  INDRNN_INTERNAL_ERROR = 7
} indrnn_status;

typedef enum indrnn_dtype { INDRNN_FLOAT32 = 0, INDRNN_FLOAT64 = 1 } indrnn_dtype;

typedef enum indrnn_loss {
  INDRNN_SOFTMAX_CROSS_ENTROPY = 0, /* targets int64_t [..], classes in [0, O) */
  INDRNN_MEAN_SQUARED_ERROR = 1     /* targets like the output */
} indrnn_loss;

typedef struct indrnn_network indrnn_network;
typedef struct indrnn_state indrnn_state;
typedef struct indrnn_optimizer indrnn_optimizer;
typedef struct indrnn_model indrnn_model;
typedef struct indrnn_session indrnn_session;

INDRNN_API const char* indrnn_version(void) INDRNN_NOEXCEPT; /* "MAJOR.MINOR.PATCH" */
INDRNN_API const char* indrnn_last_message(void)
    INDRNN_NOEXCEPT; /* of this thread; valid until its next failure */
INDRNN_API indrnn_status indrnn_set_num_threads(int count) INDRNN_NOEXCEPT;
INDRNN_API int indrnn_num_threads(void) INDRNN_NOEXCEPT;

/* ---- Networks ---- */

/* From {"input_size": 1, "dtype": "float32", "layers": [{"type": "Linear", "size": 128}, ...]}. */
INDRNN_API indrnn_status indrnn_network_create(const char* json, uint64_t seed,
                                               indrnn_network** network) INDRNN_NOEXCEPT;
/* Of a model file, or of its bytes, which need not live on. */
INDRNN_API indrnn_status indrnn_network_load(const char* path, indrnn_network** network) INDRNN_NOEXCEPT;
INDRNN_API indrnn_status indrnn_network_load_memory(const void* data, size_t bytes,
                                                    indrnn_network** network) INDRNN_NOEXCEPT;
/* Atomically: the path holds the old file or the new one. */
INDRNN_API indrnn_status indrnn_network_save(const indrnn_network* network, const char* path) INDRNN_NOEXCEPT;
INDRNN_API void indrnn_network_free(indrnn_network* network) INDRNN_NOEXCEPT;

/* Sizes; -1 for NULL. */
INDRNN_API int indrnn_network_dtype(const indrnn_network* network) INDRNN_NOEXCEPT; /* indrnn_dtype */
INDRNN_API int indrnn_network_takes_indices(const indrnn_network* network)
    INDRNN_NOEXCEPT; /* 1: x is int64_t [T, B] */
INDRNN_API int indrnn_network_gives_sequence(const indrnn_network* network)
    INDRNN_NOEXCEPT; /* 1: y is [T, B, O] */
INDRNN_API int64_t indrnn_network_input_size(const indrnn_network* network) INDRNN_NOEXCEPT;
INDRNN_API int64_t indrnn_network_output_size(const indrnn_network* network) INDRNN_NOEXCEPT;
INDRNN_API int64_t indrnn_network_num_parameters(const indrnn_network* network) INDRNN_NOEXCEPT;

/* The flat buffers, [num_parameters]: owned by the network, may be read and written as long as it lives. */
INDRNN_API void* indrnn_network_parameters(indrnn_network* network) INDRNN_NOEXCEPT;
INDRNN_API void* indrnn_network_gradients(indrnn_network* network) INDRNN_NOEXCEPT;

/* One parameter by its name, such as "0.weight": its place in the flat buffers, in elements, and its shape (a rank of 1 or
 * 2; shape[1] is 1 for rank 1). */
INDRNN_API indrnn_status indrnn_network_find_parameter(const indrnn_network* network, const char* name,
                                                       int64_t* offset, int64_t shape[2]) INDRNN_NOEXCEPT;

/* What the recurrences carry from one call to the next; starts as zero. */
INDRNN_API indrnn_status indrnn_state_create(const indrnn_network* network, int64_t batch,
                                             indrnn_state** state) INDRNN_NOEXCEPT;
INDRNN_API void indrnn_state_reset(indrnn_state* state) INDRNN_NOEXCEPT;
INDRNN_API void indrnn_state_free(indrnn_state* state) INDRNN_NOEXCEPT;

/* x [T, B, I] or int64_t [T, B]; y [T, B, O], or [B, O] where the network does not give a sequence. state is read and
 * updated; NULL: zero, not kept. lengths int64_t [B] or NULL: all T. training != 0: batch statistics, dropout, and kept
 * for indrnn_network_backward. */
INDRNN_API indrnn_status indrnn_network_forward(indrnn_network* network, int64_t time_steps, int64_t batch,
                                                const void* x, void* y, indrnn_state* state,
                                                const int64_t* lengths, int training) INDRNN_NOEXCEPT;
/* After a forward in training. dy like y; adds into the gradients; dx like x, or NULL: not wanted. */
INDRNN_API indrnn_status indrnn_network_backward(indrnn_network* network, const void* dy,
                                                 void* dx) INDRNN_NOEXCEPT;
INDRNN_API indrnn_status indrnn_network_zero_gradients(indrnn_network* network) INDRNN_NOEXCEPT;
/* The hooks of data-parallel training: see Network::set_reduction and set_first_sample in indrnn/network.hpp for what must
 * be equal on all ranks, and what a failure leaves behind. `sum` sums `count` values over all ranks, in place, and gives 0;
 * anything else makes the forward or backward that called it fail with INDRNN_INTERNAL_ERROR. */
typedef struct indrnn_reduction {
  int (*sum)(void* context, double* values, size_t count);
  void* context;
} indrnn_reduction;
/* reduction: copied, its context lives as long as it is set; NULL: none. */
INDRNN_API indrnn_status indrnn_network_set_reduction(indrnn_network* network,
                                                      const indrnn_reduction* reduction) INDRNN_NOEXCEPT;
/* Index of this network's sample 0 in the global batch, in [0, 2^31); 0 at first. */
INDRNN_API indrnn_status indrnn_network_set_first_sample(indrnn_network* network,
                                                         int64_t index) INDRNN_NOEXCEPT;
/* One time step of inference: x [B, I] or int64_t [B], y [B, O]. For streams, sessions are faster. */
INDRNN_API indrnn_status indrnn_network_step(indrnn_network* network, int64_t batch, const void* x, void* y,
                                             indrnn_state* state) INDRNN_NOEXCEPT;

/* ---- Training ---- */

INDRNN_API indrnn_status indrnn_adam_create(indrnn_network* network, double lr, double weight_decay,
                                            indrnn_optimizer** optimizer) INDRNN_NOEXCEPT;
INDRNN_API indrnn_status indrnn_sgd_create(indrnn_network* network, double lr, double momentum,
                                           double weight_decay, indrnn_optimizer** optimizer) INDRNN_NOEXCEPT;
INDRNN_API indrnn_status indrnn_optimizer_set_lr(indrnn_optimizer* optimizer, double lr) INDRNN_NOEXCEPT;
/* One update from the network's gradients. */
INDRNN_API indrnn_status indrnn_optimizer_step(indrnn_optimizer* optimizer) INDRNN_NOEXCEPT;
INDRNN_API void indrnn_optimizer_free(indrnn_optimizer* optimizer) INDRNN_NOEXCEPT;

/* Gradients to a joint norm of at most `limit`; norm (may be NULL) is the one before. */
INDRNN_API indrnn_status indrnn_clip_gradients(indrnn_network* network, double limit,
                                               double* norm) INDRNN_NOEXCEPT;
/* Every recurrent weight to [-bound, bound]. */
INDRNN_API indrnn_status indrnn_constrain_recurrent(indrnn_network* network, double bound) INDRNN_NOEXCEPT;

/* forward, loss, backward and optimizer step in one. kind: a value of indrnn_loss; targets: see there, for every row of the output; rows past a
 * sequence's length do not count. clip > 0 limits the gradients' norm. loss: mean over the rows that count. */
INDRNN_API indrnn_status indrnn_train_step(indrnn_optimizer* optimizer, int kind, int64_t time_steps,
                                           int64_t batch, const void* x, const void* targets,
                                           const int64_t* lengths, double clip, double* loss) INDRNN_NOEXCEPT;

/* ---- Streams ---- */

/* The weights of a network, packed for streams; see indrnn/inference.hpp. */
INDRNN_API indrnn_status indrnn_model_create(const indrnn_network* network,
                                             indrnn_model** model) INDRNN_NOEXCEPT;
INDRNN_API indrnn_status indrnn_model_load(const char* path, indrnn_model** model) INDRNN_NOEXCEPT;
INDRNN_API indrnn_status indrnn_model_load_memory(const void* data, size_t bytes,
                                                  indrnn_model** model) INDRNN_NOEXCEPT;
INDRNN_API void indrnn_model_free(indrnn_model* model) INDRNN_NOEXCEPT;
INDRNN_API int indrnn_model_dtype(const indrnn_model* model) INDRNN_NOEXCEPT;
INDRNN_API int indrnn_model_takes_indices(const indrnn_model* model) INDRNN_NOEXCEPT;
INDRNN_API int64_t indrnn_model_input_size(const indrnn_model* model) INDRNN_NOEXCEPT;
INDRNN_API int64_t indrnn_model_output_size(const indrnn_model* model) INDRNN_NOEXCEPT;
INDRNN_API indrnn_status indrnn_model_session_bytes(const indrnn_model* model, int64_t batch,
                                                    size_t* bytes) INDRNN_NOEXCEPT;

/* Spreads the streams of a step over the caller's threads: `run` must call task(argument, i) for every i in [0, tasks), in
 * any order, and return when all have ended. */
typedef struct indrnn_task_runner {
  void (*run)(void* context, int tasks, void (*task)(void* argument, int index), void* argument);
  void* context;
} indrnn_task_runner;

/* memory: of indrnn_model_session_bytes, at a multiple of 64, living as long as the session; NULL: it allocates.
 * runner: copied; NULL: the calling thread does all. */
INDRNN_API indrnn_status indrnn_session_create(const indrnn_model* model, int64_t batch, void* memory,
                                               size_t bytes, const indrnn_task_runner* runner,
                                               indrnn_session** session) INDRNN_NOEXCEPT;
INDRNN_API void indrnn_session_free(indrnn_session* session) INDRNN_NOEXCEPT;
/* One time step: x [B, I] or int64_t [B], y [B, O], apart from each other. Allocates nothing, takes no lock and makes no
 * system call. */
INDRNN_API indrnn_status indrnn_session_step(indrnn_session* session, const void* x, void* y) INDRNN_NOEXCEPT;
/* T of them: x [T, B, I] or int64_t [T, B], y [T, B, O]. */
INDRNN_API indrnn_status indrnn_session_run(indrnn_session* session, int64_t time_steps, const void* x,
                                            void* y) INDRNN_NOEXCEPT;
/* One stream, or all with stream = -1, back to the zero state. */
INDRNN_API indrnn_status indrnn_session_reset(indrnn_session* session, int64_t stream) INDRNN_NOEXCEPT;

#ifdef __cplusplus
}
#endif

#endif
