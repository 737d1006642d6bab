// indrnn::optim: optimizers and what is done to gradients and weights around them.
#include "indrnn/optim.hpp"

#include <pybind11/pybind11.h>

#include <memory>

#include "arrays.hpp"
#include "register.hpp"
#include "shared_network.hpp"

namespace indrnn::python {

namespace {

// An optimizer and the network it keeps alive.
struct SharedAdam {
  SharedAdam(std::shared_ptr<SharedNetwork> shared_, const optim::AdamOptions& options)
      : shared(std::move(shared_)), adam(shared->network, options) {}
  std::shared_ptr<SharedNetwork> shared;
  optim::Adam adam;
};

struct SharedSgd {
  SharedSgd(std::shared_ptr<SharedNetwork> shared_, const optim::SgdOptions& options)
      : shared(std::move(shared_)), sgd(shared->network, options) {}
  std::shared_ptr<SharedNetwork> shared;
  optim::Sgd sgd;
};

optim::Adam& adam_of(const py::object& self) { return self.cast<SharedAdam&>().adam; }

void register_adam(py::module_& module) {
  py::class_<SharedAdam>(module, "Adam")
      .def(py::init([](std::shared_ptr<SharedNetwork> network, double lr, double beta1, double beta2,
                       double epsilon, double weight_decay, bool decoupled) {
             return std::make_unique<SharedAdam>(
                 std::move(network), optim::AdamOptions{lr, beta1, beta2, epsilon, weight_decay, decoupled});
           }),
           py::arg("network").none(false), py::arg("lr"), py::arg("beta1"), py::arg("beta2"),
           py::arg("epsilon"), py::arg("weight_decay"), py::arg("decoupled"))
      .def("step",
           [](SharedAdam& self) {
             using_network(*self.shared, "Adam.step", [&](Network&) { self.adam.step(); });
           })
      .def_property(
          "lr", [](const SharedAdam& self) { return self.adam.options.lr; },
          [](SharedAdam& self, double lr) { self.adam.options.lr = lr; })
      .def_property(
          "weight_decay", [](const SharedAdam& self) { return self.adam.options.weight_decay; },
          [](SharedAdam& self, double weight_decay) { self.adam.options.weight_decay = weight_decay; })
      .def_property(
          "steps", [](const SharedAdam& self) { return self.adam.steps; },
          [](SharedAdam& self, std::int64_t steps) { self.adam.steps = steps; })
      .def_property_readonly(
          "first_moment",
          [](const py::object& self) { return array_over(adam_of(self).first_moment(), self); })
      .def_property_readonly("second_moment", [](const py::object& self) {
        return array_over(adam_of(self).second_moment(), self);
      });
}

void register_sgd(py::module_& module) {
  py::class_<SharedSgd>(module, "Sgd")
      .def(py::init([](std::shared_ptr<SharedNetwork> network, double lr, double momentum,
                       double weight_decay, bool nesterov) {
             return std::make_unique<SharedSgd>(std::move(network),
                                                optim::SgdOptions{lr, momentum, weight_decay, nesterov});
           }),
           py::arg("network").none(false), py::arg("lr"), py::arg("momentum"), py::arg("weight_decay"),
           py::arg("nesterov"))
      .def("step",
           [](SharedSgd& self) {
             using_network(*self.shared, "SGD.step", [&](Network&) { self.sgd.step(); });
           })
      .def_property(
          "lr", [](const SharedSgd& self) { return self.sgd.options.lr; },
          [](SharedSgd& self, double lr) { self.sgd.options.lr = lr; })
      .def_property(
          "weight_decay", [](const SharedSgd& self) { return self.sgd.options.weight_decay; },
          [](SharedSgd& self, double weight_decay) { self.sgd.options.weight_decay = weight_decay; })
      .def_property_readonly("velocity", [](const py::object& self) {
        return array_over(self.cast<SharedSgd&>().sgd.velocity(), self);
      });
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
