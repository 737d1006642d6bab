// Sizes of the public types: a field added to one of them changes the binary interface, which a list of symbols does not
// show. What to do then: docs/versioning.md. Measured where the releases are built: 64 bits, the GNU library.
#include <gtest/gtest.h>

#include <typeinfo>

#include "indrnn/indrnn.hpp"

#if defined(__GLIBCXX__) && defined(__LP64__)

namespace indrnn {
namespace {

template <class T>
void expect_size(std::size_t size) {
  EXPECT_EQ(sizeof(T), size) << typeid(T).name();
}

TEST(BinaryInterface, sizes_are_those_of_release_0_1) {
  expect_size<Error>(16);
  expect_size<InvalidArgument>(16);
  expect_size<Model>(16);
  expect_size<TaskRunner>(16);
  expect_size<SessionOptions>(40);
  expect_size<Session>(8);
  expect_size<NetworkOptions>(88);
  expect_size<LoadOptions>(64);
  expect_size<State>(96);
  expect_size<State::Entry>(48);
  expect_size<NamedView>(88);
  expect_size<ForwardOptions>(120);
  expect_size<Network>(8);
  expect_size<nn::LayerSpec>(104);
  expect_size<nn::FieldValue>(40);
  expect_size<nn::Embedding>(64);
  expect_size<nn::Linear>(56);
  expect_size<nn::Recurrence>(88);
  expect_size<nn::IndRNN>(144);
  expect_size<nn::BatchNorm>(64);
  expect_size<nn::LayerNorm>(8);
  expect_size<nn::Dropout>(8);
  expect_size<nn::LastStep>(1);
  expect_size<nn::MeanOverTime>(1);
  expect_size<nn::TimeDifference>(1);
  expect_size<nn::TiedLinear>(1);
  expect_size<nn::Residual>(24);
  expect_size<nn::Concat>(24);
  expect_size<nn::Bidirectional>(24);
  expect_size<optim::ParameterBlock>(24);
  expect_size<optim::ParameterNumbers>(120);
  expect_size<optim::AdamOptions>(48);
  expect_size<optim::Adam>(328);
  expect_size<optim::SgdOptions>(32);
  expect_size<optim::Sgd>(184);
  expect_size<DType>(1);
  expect_size<Shape>(40);
  expect_size<ConstTensorView>(56);
  expect_size<TensorView>(56);
  expect_size<Tensor>(56);
}

}  // namespace
}  // namespace indrnn

#endif
