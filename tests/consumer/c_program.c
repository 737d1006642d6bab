/* The C interface from C11: trains a little, saves, loads, and streams; ends with status 0 when all of it held. */
#include <indrnn/indrnn.h>

#include <math.h>
#include <stdio.h>

enum { time_steps = 6, batch = 4, inputs = 2, classes = 3, iterations = 200 };

static int failed(indrnn_status status, const char* what) {
  if (status != INDRNN_OK) fprintf(stderr, "%s: status %d: %s\n", what, (int)status, indrnn_last_message());
  return status != INDRNN_OK;
}

static float x[time_steps * batch * inputs];

/* A class for each sample, shown by its inputs. */
static void fill(int64_t* targets) {
  for (int b = 0; b < batch; ++b) {
    targets[b] = b % classes;
    for (int t = 0; t < time_steps; ++t) {
      x[(t * batch + b) * inputs] = (float)targets[b] - 1.0F;
      x[(t * batch + b) * inputs + 1] = (float)(t % 2);
    }
  }
}

static int train(indrnn_network* network) {
  int64_t targets[batch];
  fill(targets);
  indrnn_optimizer* adam = NULL;
  if (failed(indrnn_adam_create(network, 1e-2, 0.0, &adam), "adam")) return 1;
  double first = 0.0, loss = 0.0;
  int result = 0;
  for (int i = 0; i < iterations && result == 0; ++i) {
    result = failed(indrnn_train_step(adam, INDRNN_SOFTMAX_CROSS_ENTROPY, time_steps, batch, x, targets, NULL,
                                      1.0, &loss),
                    "train_step");
    if (i == 0) first = loss;
  }
  indrnn_optimizer_free(adam);
  printf("loss %.4f -> %.4f\n", first, loss);
  return result || !(loss < first / 10.0);
}

/* Streams give what the network gives for whole sequences. */
static int stream(indrnn_network* network, const char* path) {
  float whole[batch * classes], y[batch * classes];
  if (failed(indrnn_network_forward(network, time_steps, batch, x, whole, NULL, NULL, 0), "forward"))
    return 1;
  indrnn_model* model = NULL;
  indrnn_session* session = NULL;
  if (failed(indrnn_model_load(path, &model), "model_load")) return 1;
  int result = failed(indrnn_session_create(model, batch, NULL, 0, NULL, &session), "session_create");
  indrnn_model_free(model);
  for (int t = 0; t < time_steps && result == 0; ++t) {
    result = failed(indrnn_session_step(session, x + t * batch * inputs, y), "session_step");
  }
  indrnn_session_free(session);
  for (int i = 0; i < batch * classes && result == 0; ++i) result = !(fabsf(y[i] - whole[i]) < 1e-4F);
  return result;
}

int main(int count, char** arguments) {
  const char* path = count > 1 ? arguments[1] : "c_program.safetensors";
  const char* layers =
      "{\"input_size\": 2, \"layers\": [{\"type\": \"IndRNN\", \"size\": 16}, {\"type\": \"BatchNorm\"},"
      " {\"type\": \"LastStep\"}, {\"type\": \"Linear\", \"size\": 3}]}";
  indrnn_network *network = NULL, *loaded = NULL;
  if (failed(indrnn_network_create(layers, 1, &network), "create")) return 1;
  int result = train(network) || failed(indrnn_network_save(network, path), "save") ||
               failed(indrnn_network_load(path, &loaded), "load") || stream(loaded, path);
  indrnn_network_free(network);
  indrnn_network_free(loaded);
  if (indrnn_network_load("/nowhere", &loaded) != INDRNN_FILE_ERROR) result = 1;
  puts(result ? "failed" : "trained, saved, loaded and streamed");
  return result;
}
