// One time step of the recurrence with zoneout (layers/zoneout.cpp), for some neurons of one sample.
#include "backend/cpu/kernels/activations.hpp"
#include "backend/cpu/kernels/parts.hpp"
#include "backend/cpu/kernels/vector.hpp"

namespace indrnn::cpu::INDRNN_ISA {
namespace {

// a = act(z + bias + u before);  h = (1 - w) before + w a
template <class T, class A>
void forward(const ZoneoutForward<T>& r) {
  for_each_block<T, 1>(r.features, [&]<class V, int N>(std::int64_t f) {
    const V before = load<V>(r.state + f), weight = load<V>(r.weights + f);
    const V a = A::value(load<V>(r.z + f) + load<V>(r.bias + f) + load<V>(r.u + f) * before);
    const V h = (1 - weight) * before + weight * a;
    store<V>(r.state + f, h);
    store<V>(r.h + f, h);
  });
}

// dz = w act'(a) g;  the gradient of `before` = (1 - w) g + u dz
template <class T, class A>
void backward(const ZoneoutBackward<T>& r) {
  for_each_block<T, 1>(r.features, [&]<class V, int N>(std::int64_t f) {
    const V before = load<V>(r.before + f), weight = load<V>(r.weights + f), u = load<V>(r.u + f);
    const V g = load<V>(r.dh + f) + load<V>(r.later + f);
    const V a = A::value(load<V>(r.z + f) + load<V>(r.bias + f) + u * before);
    const V dz = A::gradient(a, weight * g);
    store<V>(r.dz + f, dz);
    store<V>(r.du + f, load<V>(r.du + f) + dz * before);
    store<V>(r.dbias + f, load<V>(r.dbias + f) + dz);
    store<V>(r.later + f, (1 - weight) * g + u * dz);
  });
}

}  // namespace

template <class T>
void add_zoneout(Kernels<T>& table) {  // in the order of enum Activation
  table.zoneout_forward[0] = forward<T, Relu>;
  table.zoneout_forward[1] = forward<T, Tanh>;
  table.zoneout_forward[2] = forward<T, Sigmoid>;
  table.zoneout_forward[3] = forward<T, Identity>;
  table.zoneout_backward[0] = backward<T, Relu>;
  table.zoneout_backward[1] = backward<T, Tanh>;
  table.zoneout_backward[2] = backward<T, Sigmoid>;
  table.zoneout_backward[3] = backward<T, Identity>;
}

template void add_zoneout(Kernels<float>&);
template void add_zoneout(Kernels<double>&);

}  // namespace indrnn::cpu::INDRNN_ISA
