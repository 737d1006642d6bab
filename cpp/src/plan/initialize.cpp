#include "plan/initialize.hpp"

#include <cmath>

#include "core/dispatch.hpp"
#include "core/random_stream.hpp"

namespace indrnn {
namespace {

// Of He et al. 2015: gain / sqrt(fan_in), gain = sqrt(2 / (1 + a^2)); weights [out, in] have fan_in = in.
double kaiming_deviation(const Parameter& parameter) {
  const double slope = parameter.initializer.high;
  const auto fan_in = static_cast<double>(parameter.shape[parameter.shape.rank() - 1]);
  return std::sqrt(2.0 / (1.0 + slope * slope) / fan_in);
}

double draw(const Parameter& parameter, const RandomStream& random, std::uint64_t index) {
  const Initializer& initializer = parameter.initializer;
  switch (initializer.fill) {
    case Fill::zeros:
      return 0.0;
    case Fill::ones:
      return 1.0;
    case Fill::uniform:
      return initializer.low + (initializer.high - initializer.low) * random.uniform(index);
    case Fill::normal:
      return initializer.low + initializer.high * random.normal(index);
    case Fill::kaiming_uniform:
      return std::sqrt(3.0) * kaiming_deviation(parameter) * (2.0 * random.uniform(index) - 1.0);
    case Fill::kaiming_normal:
      return kaiming_deviation(parameter) * random.normal(index);
  }
  return 0.0;
}

}  // namespace

void initialize(const Graph& graph, std::uint64_t seed, TensorView parameters, TensorView buffers) {
  dispatch_float(parameters.dtype, [&](auto zero) {
    using T = decltype(zero);
    for (std::size_t i = 0; i < graph.parameters.size(); ++i) {
      const Parameter& parameter = graph.parameters[i];
      const RandomStream random(seed, Purpose::initial_parameters, static_cast<std::uint32_t>(i), 0);
      T* values = parameters.as<T>() + parameter.offset;
      for (std::int64_t e = 0; e < parameter.shape.elements(); ++e) {
        values[e] = static_cast<T>(draw(parameter, random, static_cast<std::uint64_t>(e)));
      }
    }
    for (const Buffer& buffer : graph.buffers) {
      T* values = buffers.as<T>() + buffer.offset;
      for (std::int64_t e = 0; e < buffer.shape.elements(); ++e) values[e] = static_cast<T>(buffer.initial);
    }
  });
}

}  // namespace indrnn
