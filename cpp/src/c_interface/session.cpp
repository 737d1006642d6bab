#include <span>
#include <string>

#include "c_interface/guard.hpp"

using namespace indrnn;
using namespace indrnn::c_interface;

namespace {

ConstTensorView input_view(const Model& model, const void* x, Shape shape) {
  if (model.takes_indices()) return {x, shape, DType::int64};
  shape.append(model.input_size());
  return {x, shape, model.dtype()};
}

}  // namespace

indrnn_status indrnn_model_create(const indrnn_network* network, indrnn_model** model) noexcept {
  return guarded([&] {
    require(network, "network"), require(model, "model");
    *model = new indrnn_model{Model(network->network)};
  });
}

indrnn_status indrnn_model_load(const char* path, indrnn_model** model) noexcept {
  return guarded([&] {
    require(path, "path"), require(model, "model");
    *model = new indrnn_model{Model::load(path)};
  });
}

indrnn_status indrnn_model_load_memory(const void* data, size_t bytes, indrnn_model** model) noexcept {
  return guarded([&] {
    require(data, "data"), require(model, "model");
    *model = new indrnn_model{Model::from_bytes({static_cast<const std::byte*>(data), bytes})};
  });
}

void indrnn_model_free(indrnn_model* model) noexcept { delete model; }

int indrnn_model_dtype(const indrnn_model* model) noexcept {
  if (model == nullptr) return -1;
  return model->model.dtype() == DType::float64 ? INDRNN_FLOAT64 : INDRNN_FLOAT32;
}
int indrnn_model_takes_indices(const indrnn_model* model) noexcept {
  return model == nullptr ? -1 : model->model.takes_indices();
}
int64_t indrnn_model_input_size(const indrnn_model* model) noexcept {
  return model == nullptr ? -1 : model->model.input_size();
}
int64_t indrnn_model_output_size(const indrnn_model* model) noexcept {
  return model == nullptr ? -1 : model->model.output_size();
}

indrnn_status indrnn_model_session_bytes(const indrnn_model* model, int64_t batch, size_t* bytes) noexcept {
  return guarded([&] {
    require(model, "model"), require(bytes, "bytes");
    *bytes = model->model.session_bytes(batch);
  });
}

indrnn_status indrnn_session_create(const indrnn_model* model, int64_t batch, void* memory, size_t bytes,
                                    const indrnn_task_runner* runner, indrnn_session** session) noexcept {
  return guarded([&] {
    require(model, "model"), require(session, "session");
    SessionOptions options{.batch = batch};
    if (runner != nullptr) options.tasks = {runner->run, runner->context};
    if (memory != nullptr) options.memory = {static_cast<std::byte*>(memory), bytes};
    *session = new indrnn_session{model->model, Session(model->model, options)};
  });
}

void indrnn_session_free(indrnn_session* session) noexcept { delete session; }

indrnn_status indrnn_session_step(indrnn_session* session, const void* x, void* y) noexcept {
  return guarded([&] {
    require(session, "session");
    const std::int64_t batch = session->session.batch();
    session->session.step(input_view(session->model, x, {batch}),
                          {y, {batch, session->model.output_size()}, session->model.dtype()});
  });
}

indrnn_status indrnn_session_run(indrnn_session* session, int64_t time_steps, const void* x,
                                 void* y) noexcept {
  return guarded([&] {
    require(session, "session");
    const std::int64_t batch = session->session.batch();
    session->session.run(input_view(session->model, x, {time_steps, batch}),
                         {y, {time_steps, batch, session->model.output_size()}, session->model.dtype()});
  });
}

indrnn_status indrnn_session_reset(indrnn_session* session, int64_t stream) noexcept {
  return guarded([&] {
    require(session, "session");
    if (stream == -1) {
      session->session.reset();
    } else {
      session->session.reset(stream);
    }
  });
}
