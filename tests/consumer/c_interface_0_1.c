/* The C interface of release 0.1, as its clients were compiled: this file compiles as long as they keep working. Functions
 * and values may be added to it with a release; what stands here changes only with the major version (the minor one before
 * 1.0), see docs/versioning.md. */
#include <indrnn/indrnn.h>

/* Values. */
_Static_assert(INDRNN_OK == 0, "changed");
_Static_assert(INDRNN_INVALID_ARGUMENT == 1, "changed");
_Static_assert(INDRNN_TYPE_MISMATCH == 2, "changed");
_Static_assert(INDRNN_OUT_OF_MEMORY == 3, "changed");
_Static_assert(INDRNN_DEVICE_ERROR == 4, "changed");
_Static_assert(INDRNN_FILE_ERROR == 5, "changed");
_Static_assert(INDRNN_INTERRUPTED == 6, "changed");
_Static_assert(INDRNN_INTERNAL_ERROR == 7, "changed");
_Static_assert(INDRNN_FLOAT32 == 0, "changed");
_Static_assert(INDRNN_FLOAT64 == 1, "changed");
_Static_assert(INDRNN_SOFTMAX_CROSS_ENTROPY == 0, "changed");
_Static_assert(INDRNN_MEAN_SQUARED_ERROR == 1, "changed");

/* Layouts. */
_Static_assert(sizeof(indrnn_status) == sizeof(int), "changed");
_Static_assert(offsetof(indrnn_task_runner, run) == 0, "changed");
_Static_assert(offsetof(indrnn_task_runner, context) == sizeof(void (*)(void)), "changed");
_Static_assert(sizeof(indrnn_task_runner) == sizeof(void (*)(void)) + sizeof(void*), "changed");
_Static_assert(offsetof(indrnn_reduction, sum) == 0, "changed");
_Static_assert(offsetof(indrnn_reduction, context) == sizeof(void (*)(void)), "changed");
_Static_assert(sizeof(indrnn_reduction) == sizeof(void (*)(void)) + sizeof(void*), "changed");

/* Types: declared again, which a compiler refuses when they are others. */
static void run(void* context, int tasks, void (*task)(void* argument, int index), void* argument) {
  (void)context;
  for (int index = 0; index < tasks; ++index) task(argument, index);
}
const indrnn_task_runner indrnn_runner_of_0_1 = {run, NULL};
static int sum(void* context, double* values, size_t count) { return context && values && count ? 1 : 0; }
const indrnn_reduction indrnn_reduction_of_0_1 = {sum, NULL};

const char* indrnn_version(void);
const char* indrnn_last_message(void);
indrnn_status indrnn_set_num_threads(int count);
int indrnn_num_threads(void);
indrnn_status indrnn_network_create(const char* json, uint64_t seed, indrnn_network** network);
indrnn_status indrnn_network_load(const char* path, indrnn_network** network);
indrnn_status indrnn_network_load_memory(const void* data, size_t bytes, indrnn_network** network);
indrnn_status indrnn_network_save(const indrnn_network* network, const char* path);
void indrnn_network_free(indrnn_network* network);
int indrnn_network_dtype(const indrnn_network* network);
int indrnn_network_takes_indices(const indrnn_network* network);
int indrnn_network_gives_sequence(const indrnn_network* network);
int64_t indrnn_network_input_size(const indrnn_network* network);
int64_t indrnn_network_output_size(const indrnn_network* network);
int64_t indrnn_network_num_parameters(const indrnn_network* network);
void* indrnn_network_parameters(indrnn_network* network);
void* indrnn_network_gradients(indrnn_network* network);
indrnn_status indrnn_network_find_parameter(const indrnn_network* network, const char* name, int64_t* offset,
                                            int64_t shape[2]);
indrnn_status indrnn_state_create(const indrnn_network* network, int64_t batch, indrnn_state** state);
void indrnn_state_reset(indrnn_state* state);
void indrnn_state_free(indrnn_state* state);
indrnn_status indrnn_network_forward(indrnn_network* network, int64_t time_steps, int64_t batch,
                                     const void* x, void* y, indrnn_state* state, const int64_t* lengths,
                                     int training);
indrnn_status indrnn_network_backward(indrnn_network* network, const void* dy, void* dx);
indrnn_status indrnn_network_zero_gradients(indrnn_network* network);
indrnn_status indrnn_network_set_reduction(indrnn_network* network, const indrnn_reduction* reduction);
indrnn_status indrnn_network_set_first_sample(indrnn_network* network, int64_t index);
indrnn_status indrnn_network_step(indrnn_network* network, int64_t batch, const void* x, void* y,
                                  indrnn_state* state);
indrnn_status indrnn_adam_create(indrnn_network* network, double lr, double weight_decay,
                                 indrnn_optimizer** optimizer);
indrnn_status indrnn_sgd_create(indrnn_network* network, double lr, double momentum, double weight_decay,
                                indrnn_optimizer** optimizer);
indrnn_status indrnn_optimizer_set_lr(indrnn_optimizer* optimizer, double lr);
indrnn_status indrnn_optimizer_step(indrnn_optimizer* optimizer);
void indrnn_optimizer_free(indrnn_optimizer* optimizer);
indrnn_status indrnn_clip_gradients(indrnn_network* network, double limit, double* norm);
indrnn_status indrnn_constrain_recurrent(indrnn_network* network, double bound);
indrnn_status indrnn_train_step(indrnn_optimizer* optimizer, int kind, int64_t time_steps, int64_t batch,
                                const void* x, const void* targets, const int64_t* lengths, double clip,
                                double* loss);
indrnn_status indrnn_model_create(const indrnn_network* network, indrnn_model** model);
indrnn_status indrnn_model_load(const char* path, indrnn_model** model);
indrnn_status indrnn_model_load_memory(const void* data, size_t bytes, indrnn_model** model);
void indrnn_model_free(indrnn_model* model);
int indrnn_model_dtype(const indrnn_model* model);
int indrnn_model_takes_indices(const indrnn_model* model);
int64_t indrnn_model_input_size(const indrnn_model* model);
int64_t indrnn_model_output_size(const indrnn_model* model);
indrnn_status indrnn_model_session_bytes(const indrnn_model* model, int64_t batch, size_t* bytes);
indrnn_status indrnn_session_create(const indrnn_model* model, int64_t batch, void* memory, size_t bytes,
                                    const indrnn_task_runner* runner, indrnn_session** session);
void indrnn_session_free(indrnn_session* session);
indrnn_status indrnn_session_step(indrnn_session* session, const void* x, void* y);
indrnn_status indrnn_session_run(indrnn_session* session, int64_t time_steps, const void* x, void* y);
indrnn_status indrnn_session_reset(indrnn_session* session, int64_t stream);
