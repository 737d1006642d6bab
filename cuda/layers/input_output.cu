// The ends of a network: the caller's arrays are time-major as the device's are, so they are copied as they lie, or
// rounded on their way in and widened on their way out where values are stored in another type. What lies past a
// sequence's length never enters: inputs and output gradients are zero there, and so are outputs.
#include <vector>

#include "device/load_ahead.cuh"
#include "device/walk.cuh"
#include "executor/runner.hpp"

namespace indrnn::cuda {
namespace {

template <class Element>
struct ZeroPastLength {
  Element* values;
  Rows rows;
  __device__ void operator()(std::int64_t column, std::int64_t first, std::int64_t end) const {
    const std::int64_t valid = valid_steps(rows, column / rows.features);
    for (std::int64_t t = first > valid ? first : valid; t < end; ++t)
      store(values + t * rows.columns() + column, Element(0));
  }
};

template <class Element>
void zero_past_length(cudaStream_t stream, const Rows& rows, Element* values) {
  if (rows.lengths == nullptr) return;
  launch_walk("zero_past_length", stream, rows, ZeroPastLength<Element>{values, rows});
}

// Between the caller's type and the stored one.
template <class From, class To>
struct Convert {
  const From* from;
  To* to;
  Rows rows;
  __device__ void operator()(std::int64_t column, std::int64_t first, std::int64_t end) const {
    const std::int64_t valid = valid_steps(rows, column / rows.features), stride = rows.columns();
    load_ahead<steps_ahead>(
        first, end, 1,
        [&](std::int64_t t) { return t < valid ? load<From>(from + t * stride + column) : From{}; },
        [&](std::int64_t t, From value) { store(to + t * stride + column, widen(value)); });
  }
};

template <class Element>
void copy_as_it_lies(const Source& from, const Rows& rows, Element* to, cudaStream_t stream) {
  check(cudaMemcpyAsync(to, from.pointer, static_cast<std::size_t>(rows.elements()) * sizeof(Element),
                        from.kind, stream),
        "copying to the device");
}

// The window's part of a whole array of the caller's type.
template <class S, class Given>
void copy_in(Run<S>& run, const Source& whole, const Rows& rows, Given* to) {
  if (rows.elements() == 0) return;
  const Source from{static_cast<const Given*>(whole.pointer) + rows.first_step * rows.columns(), whole.kind};
  copy_as_it_lies(from, rows, to, run.stream);
  zero_past_length(run.stream, rows, to);
}

template <class S>
void round_in(Run<S>& run, const Source& whole, const Rows& rows, S* to) {
  using T = Compute<S>;
  if (rows.elements() == 0) return;
  const Source from{static_cast<const T*>(whole.pointer) + rows.first_step * rows.columns(), whole.kind};
  const T* here = static_cast<const T*>(from.pointer);
  if (!is_device_pointer(from.pointer, run.context->device_index())) {
    T* copy = run.template scratch<T>();
    copy_as_it_lies(from, rows, copy, run.stream);
    here = copy;
  }
  launch_walk("round_values", run.stream, rows, Convert<T, S>{here, to, rows});
}

// Values or gradients [steps, B, F] from the caller.
template <class S>
void bring_in(Run<S>& run, const Source& whole, const Rows& rows, S* to) {
  if constexpr (is_rounded<S>) round_in(run, whole, rows, to);
  if constexpr (!is_rounded<S>) copy_in(run, whole, rows, to);
}

// Values or gradients to the caller. Where they are not widened, zeroes what lies past the lengths in `from` itself:
// nothing reads it there any more.
template <class S>
void bring_out(Run<S>& run, const Rows& rows, S* from, void* whole) {
  using T = Compute<S>;
  if (rows.elements() == 0) return;
  T* to = static_cast<T*>(whole) + rows.first_step * rows.columns();
  const T* result = nullptr;
  if constexpr (is_rounded<S>) {
    const bool there = is_device_pointer(to, run.context->device_index());
    T* widened = there ? to : run.template scratch<T>();
    launch_walk("widen_values", run.stream, rows, Convert<S, T>{from, widened, rows});
    if (there) return;
    result = widened;
  } else {
    zero_past_length(run.stream, rows, from);
    result = from;
  }
  run.context->out().fetch(result, to, static_cast<std::size_t>(rows.elements()) * sizeof(T), run.stream);
}

// Where arrays of the host are converted.
template <class S>
NodeBytes end_bytes(const Value& value, const Sizes& sizes) {
  if (!is_rounded<S> || value.indices) return {};
  const std::int64_t steps = value.sequence ? sizes.window_steps : 1;
  return {.scratch = static_cast<std::size_t>(steps * sizes.batch * value.features) * sizeof(Compute<S>)};
}

template <class S>
class Input : public Runner<S> {
 public:
  using Runner<S>::Runner;

  NodeBytes bytes(const Sizes& sizes, Mode) const override {
    return end_bytes<S>(this->output_value(), sizes);
  }

  void forward(Run<S>& run) const override {
    const int value = this->node_.outputs[0];
    if (run.graph->takes_indices()) {
      copy_in(run, run.x, run.rows(value), run.indices(value));
    } else {
      bring_in(run, run.x, run.rows(value), run.value(value));
    }
  }

  void backward(Run<S>& run) const override {
    const int value = this->node_.outputs[0];
    if (run.dx != nullptr) bring_out(run, run.rows(value), run.gradient(value), run.dx);
  }
};

template <class S>
class Output : public Runner<S> {
 public:
  using Runner<S>::Runner;

  NodeBytes bytes(const Sizes& sizes, Mode) const override {
    return end_bytes<S>(this->input_value(), sizes);
  }

  void forward(Run<S>& run) const override {
    const int value = this->node_.inputs[0];
    bring_out(run, run.rows(value), run.value(value), run.y);
  }

  void backward(Run<S>& run) const override {
    const int value = this->node_.inputs[0];
    bring_in(run, run.dy, run.rows(value), run.gradient(value));
  }
};

}  // namespace

std::vector<CudaNode> input_output_nodes() {
  return {cuda_node<Input>("Input"), cuda_node<Output>("Output")};
}

}  // namespace indrnn::cuda
