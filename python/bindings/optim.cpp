// indrnn::optim: optimizers and what is done to gradients and weights around them.
#include "indrnn/optim.hpp"

#include <pybind11/pybind11.h>

#include <memory>

#include "device_array.hpp"
#include "register.hpp"
#include "shared_optimizer.hpp"

namespace indrnn::python {

namespace {

// A view of what an optimizer keeps for each parameter, in the memory of its network's device.
template <class Shared>
py::object moments_of(const py::object& self, const TensorView& view) {
  return owned_array(self.cast<Shared&>().shared, view, self);
}

// It makes its moments in the network's memory.
template <class Shared, class Options>
std::unique_ptr<Shared> make_optimizer(const char* operation, const std::shared_ptr<SharedNetwork>& network,
                                       const Options& options) {
  return using_network(*network, operation,
                       [&](Network&) { return std::make_unique<Shared>(network, options); });
}

// Binds one field of an optimizer's options under its own name.
template <class Class, class Options, class Value>
void def_option(Class& bound, const char* name, Value Options::* field) {
  using Shared = typename Class::type;
  bound.def_property(
      name, [field](const Shared& self) { return self.optimizer.options.*field; },
      [field](Shared& self, Value value) { self.optimizer.options.*field = value; });
}

void register_adam(py::module_& module) {
  using Options = optim::AdamOptions;
  py::class_<SharedAdam> adam(module, "Adam");
  adam.def(py::init([](const std::shared_ptr<SharedNetwork>& network, double lr, double beta1, double beta2,
                       double epsilon, double weight_decay, bool decoupled) {
             const Options options{lr, beta1, beta2, epsilon, weight_decay, decoupled};
             return make_optimizer<SharedAdam>("Adam", network, options);
           }),
           py::arg("network").none(false), py::arg("lr"), py::arg("beta1"), py::arg("beta2"),
           py::arg("epsilon"), py::arg("weight_decay"), py::arg("decoupled"))
      .def("step",
           [](SharedAdam& self) {
             using_network(*self.shared, "Adam.step", [&](Network&) { self.optimizer.step(); });
           })
      .def_property(
          "steps", [](const SharedAdam& self) { return self.optimizer.steps; },
          [](SharedAdam& self, std::int64_t steps) { self.optimizer.steps = steps; })
      .def_property_readonly("first_moment",
                             [](const py::object& self) {
                               return moments_of<SharedAdam>(
                                   self, self.cast<SharedAdam&>().optimizer.first_moment());
                             })
      .def_property_readonly("second_moment", [](const py::object& self) {
        return moments_of<SharedAdam>(self, self.cast<SharedAdam&>().optimizer.second_moment());
      });
  def_option(adam, "lr", &Options::lr);
  def_option(adam, "beta1", &Options::beta1);
  def_option(adam, "beta2", &Options::beta2);
  def_option(adam, "epsilon", &Options::epsilon);
  def_option(adam, "weight_decay", &Options::weight_decay);
  def_option(adam, "decoupled", &Options::decoupled);
}

void register_sgd(py::module_& module) {
  using Options = optim::SgdOptions;
  py::class_<SharedSgd> sgd(module, "Sgd");
  sgd.def(py::init([](const std::shared_ptr<SharedNetwork>& network, double lr, double momentum,
                      double weight_decay, bool nesterov) {
            const Options options{lr, momentum, weight_decay, nesterov};
            return make_optimizer<SharedSgd>("SGD", network, options);
          }),
          py::arg("network").none(false), py::arg("lr"), py::arg("momentum"), py::arg("weight_decay"),
          py::arg("nesterov"))
      .def("step",
           [](SharedSgd& self) {
             using_network(*self.shared, "SGD.step", [&](Network&) { self.optimizer.step(); });
           })
      .def_property_readonly("velocity", [](const py::object& self) {
        return moments_of<SharedSgd>(self, self.cast<SharedSgd&>().optimizer.velocity());
      });
  def_option(sgd, "lr", &Options::lr);
  def_option(sgd, "momentum", &Options::momentum);
  def_option(sgd, "weight_decay", &Options::weight_decay);
  def_option(sgd, "nesterov", &Options::nesterov);
}

}  // namespace

void register_optim(py::module_& module) {
  register_adam(module);
  register_sgd(module);
  module.def(
      "clip_gradients_by_value",
      [](SharedNetwork& shared, double limit) {
        using_network(shared, "clip_gradients",
                      [&](Network& held) { optim::clip_gradients_by_value(held, limit); });
      },
      py::arg("network"), py::arg("limit"));
  module.def(
      "clip_gradients_by_norm",
      [](SharedNetwork& shared, double limit) {
        return using_network(shared, "clip_gradients",
                             [&](Network& held) { return optim::clip_gradients_by_norm(held, limit); });
      },
      py::arg("network"), py::arg("limit"));
  module.def(
      "constrain_recurrent",
      [](SharedNetwork& shared, double bound) {
        using_network(shared, "constrain_recurrent",
                      [&](Network& held) { optim::constrain_recurrent(held, bound); });
      },
      py::arg("network"), py::arg("bound"));
}

}  // namespace indrnn::python
