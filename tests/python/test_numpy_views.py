"""Zero-copy views: the same memory, writable, and alive as long as they are."""

from __future__ import annotations

import gc

import numpy as np
import pytest

import indrnn_engine as ie
from numpy_calls import INPUTS, B, C, T, network


def large() -> ie.Network:
    return network([ie.nn.IndRNN(200), ie.nn.BatchNorm()], seed=3)


VIEWS = {
    "parameters": lambda: large().parameters,
    "gradients": lambda: large().gradients,
    "named": lambda: large().named_parameters()["0.weight_hh"],
    "buffers": lambda: large().named_buffers()["1.running_var"],
    "state": lambda: large().initial_state(1000)["0.hidden"],
    "flat state": lambda: large().initial_state(1000).flat,
    "moment": lambda: ie.optim.Adam(large())._core.first_moment,
    "velocity": lambda: ie.optim.SGD(large(), lr=0.1)._core.velocity,
}


class TestViews:
    def test_writes_through_the_flat_view_reach_the_names_and_back(self):
        net = network()
        net.parameters[:] = np.arange(net.num_parameters)
        flat = np.concatenate([view.ravel() for view in net.named_parameters().values()])
        np.testing.assert_array_equal(flat, net.parameters)
        net.named_parameters()["1.bias"][:] = -1.0
        np.testing.assert_array_equal(net.parameters[-C:], -1.0)

    def test_writes_reach_the_computation(self):
        net = network()
        net.parameters[:] = 0.0
        net.named_parameters()["1.bias"][:] = [1.0, 2.0, 3.0, 4.0]
        y, _ = net.forward(np.ones((T, B, INPUTS)))
        np.testing.assert_array_equal(y, np.broadcast_to([1.0, 2.0, 3.0, 4.0], y.shape))

    @pytest.mark.parametrize(
        "kind", ["parameters", "gradients", "named", "buffers", "state", "moment"]
    )
    def test_a_view_keeps_its_memory_alive(self, kind):
        view = VIEWS[kind]()  # of objects that nothing else refers to
        view[...] = 7.0
        gc.collect()
        others = [large() for _ in range(20)]
        for other in others:
            other.gradients[:] = 1.0
        np.testing.assert_array_equal(view, 7.0)

    def test_views_are_the_same_memory_every_time(self):
        net = network()
        assert np.shares_memory(net.parameters, net.parameters)
        assert np.shares_memory(net.parameters, net.named_parameters()["0.weight"])
        assert net.parameters.flags.writeable
        assert net.parameters.flags.c_contiguous
