// The ends of a network: between the caller's time-major arrays [T, B, F] and the engine's sample-major rows [B, T, F].
// Rows without time, [B, F], are sequences of one step here. What lies past a sequence's length never enters: inputs and output gradients are zero there, and so are outputs.
#include <algorithm>
#include <cstring>

#include "layers/layer.hpp"

namespace indrnn {
namespace {

// Asks for a row of the caller's array some steps before it is copied: rows of one sample lie B rows apart, mostly on
// pages of their own, where no prefetcher of the processor follows.
template <class Element, int write>
class RowsAhead {
 public:
  RowsAhead(const Element* first, std::int64_t stride, std::int64_t features, std::int64_t rows)
      : first_(reinterpret_cast<const char*>(first)),
        stride_(stride * static_cast<std::int64_t>(sizeof(Element))),
        bytes_(features * static_cast<std::int64_t>(sizeof(Element))),
        rows_(rows),
        ahead_(std::max<std::int64_t>(1, bytes_ahead / bytes_)) {}

  void ask(std::int64_t row) const {
    if (row + ahead_ >= rows_) return;
    const char* from = first_ + (row + ahead_) * stride_;
    for (std::int64_t at = 0; at < bytes_; at += cache_line) __builtin_prefetch(from + at, write, 3);
  }

 private:
  static constexpr std::int64_t cache_line = 64, bytes_ahead = 4096;
  const char* first_;
  std::int64_t stride_, bytes_, rows_, ahead_;
};

// rows[sample][step] = array[step][sample], zero past the valid steps.
template <class Element>
void gather(const cpu::Chunk& chunk, std::int64_t batch, std::int64_t features, const Element* array,
            Element* rows) {
  for (std::int64_t s = 0; s < chunk.samples; ++s) {
    const Element* from = array + (chunk.first_step * batch + chunk.first_sample + s) * features;
    Element* to = rows + s * chunk.steps * features;
    const std::int64_t valid = chunk.valid_steps(s);
    if (features == 1) {
      for (std::int64_t t = 0; t < valid; ++t) to[t] = from[t * batch];
    } else {
      const RowsAhead<Element, 0> ahead(from, batch * features, features, valid);
      for (std::int64_t t = 0; t < valid; ++t) {
        ahead.ask(t);
        std::copy_n(from + t * batch * features, features, to + t * features);
      }
    }
    std::fill(to + valid * features, to + chunk.steps * features, Element(0));
  }
}

// array[step][sample] = rows[sample][step], zero past the valid steps.
template <class T>
void scatter(const cpu::Chunk& chunk, std::int64_t batch, std::int64_t features, const T* rows, T* array) {
  for (std::int64_t s = 0; s < chunk.samples; ++s) {
    const T* from = rows + s * chunk.steps * features;
    T* to = array + (chunk.first_step * batch + chunk.first_sample + s) * features;
    const std::int64_t valid = chunk.valid_steps(s);
    const RowsAhead<T, 1> ahead(to, batch * features, features, valid);
    for (std::int64_t t = 0; t < valid; ++t) {
      ahead.ask(t);
      std::copy_n(from + t * features, features, to + t * batch * features);
    }
    for (std::int64_t t = valid; t < chunk.steps; ++t) std::fill_n(to + t * batch * features, features, T(0));
  }
}

template <class T>
class Input : public cpu::Runner<T> {
 public:
  using cpu::Runner<T>::Runner;

  void forward(cpu::Run<T>& run, const cpu::Chunk& chunk) const override {
    const int value = this->node_.outputs[0];
    const std::int64_t batch = run.geometry().batch;
    if (run.graph->takes_indices()) {
      gather(chunk, batch, 1, static_cast<const std::int64_t*>(run.x), run.indices(value, chunk));
    } else {
      gather(chunk, batch, run.graph->input_size, static_cast<const T*>(run.x), run.value(value, chunk));
    }
  }

  void backward(cpu::Run<T>& run, const cpu::Chunk& chunk) const override {
    if (run.dx == nullptr) return;
    scatter(chunk, run.geometry().batch, run.graph->input_size, run.gradient(this->node_.outputs[0], chunk),
            run.dx);
  }
};

template <class T>
class Output : public cpu::Runner<T> {
 public:
  using cpu::Runner<T>::Runner;

  void forward(cpu::Run<T>& run, const cpu::Chunk& chunk) const override {
    scatter(chunk, run.geometry().batch, this->input_value().features,
            run.value(this->node_.inputs[0], chunk), run.y);
  }

  void backward(cpu::Run<T>& run, const cpu::Chunk& chunk) const override {
    gather(chunk, run.geometry().batch, this->input_value().features, run.dy,
           run.gradient(this->node_.inputs[0], chunk));
  }
};

}  // namespace

LayerEntry input_output() { return only_nodes({cpu_node<Input>("Input"), cpu_node<Output>("Output")}); }

}  // namespace indrnn
