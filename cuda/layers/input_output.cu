// The ends of a network: the caller's arrays are time-major as the device's are, so they are copied as they lie. What
// lies past a sequence's length never enters: inputs and output gradients are zero there, and so are outputs.
#include <vector>

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

// The window's part of a whole array.
template <class Element>
void copy_in(const Source& from, const Rows& rows, Element* to, cudaStream_t stream) {
  if (rows.elements() == 0) return;
  const Element* first = static_cast<const Element*>(from.pointer) + rows.first_step * rows.columns();
  check(cudaMemcpyAsync(to, first, static_cast<std::size_t>(rows.elements()) * sizeof(Element), from.kind,
                        stream),
        "copying to the device");
  zero_past_length(stream, rows, to);
}

// zeroes what lies past the lengths in `from` itself: nothing reads it there any more.
template <class T>
void copy_out(Run<T>& run, const Rows& rows, T* from, void* to) {
  zero_past_length(run.stream, rows, from);
  run.context->out().fetch(from, static_cast<T*>(to) + rows.first_step * rows.columns(),
                           static_cast<std::size_t>(rows.elements()) * sizeof(T), run.stream);
}

template <class T>
class Input : public Runner<T> {
 public:
  using Runner<T>::Runner;

  void forward(Run<T>& run) const override {
    const int value = this->node_.outputs[0];
    if (run.graph->takes_indices()) {
      copy_in(run.x, run.rows(value), run.indices(value), run.stream);
    } else {
      copy_in(run.x, run.rows(value), run.value(value), run.stream);
    }
  }

  void backward(Run<T>& run) const override {
    const int value = this->node_.outputs[0];
    if (run.dx != nullptr) copy_out(run, run.rows(value), run.gradient(value), run.dx);
  }
};

template <class T>
class Output : public Runner<T> {
 public:
  using Runner<T>::Runner;

  void forward(Run<T>& run) const override {
    const int value = this->node_.inputs[0];
    copy_out(run, run.rows(value), run.value(value), run.y);
  }

  void backward(Run<T>& run) const override {
    const int value = this->node_.inputs[0];
    copy_in(run.dy, run.rows(value), run.gradient(value), run.stream);
  }
};

}  // namespace

std::vector<CudaNode> input_output_nodes() {
  return {cuda_node<Input>("Input"), cuda_node<Output>("Output")};
}

}  // namespace indrnn::cuda
