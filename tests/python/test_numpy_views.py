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


def outputs() -> dict[str, np.ndarray]:
    """An array of every function that gives some."""
    net = network()
    x = np.ones((T, B, INPUTS))
    y, state = net.forward(x, training=True)
    dx, dstate = net.backward(y)
    _, dy = ie.losses.mean_squared_error(y, np.zeros_like(y))
    h = ie.ops.indrnn_forward(y, np.ones(C))
    return {
        "forward": y,
        "state": state.flat,
        "backward": dx,
        "state gradient": dstate.flat,
        "step": net.step(x[0])[0],
        "loss": dy,
        "cross entropy": ie.losses.softmax_cross_entropy(y, np.zeros((T, B), np.int64))[1],
        "indrnn_forward": h,
        "indrnn_backward": ie.ops.indrnn_backward(h, h, np.ones(C))[1],
    }


class TestDlpack:
    """What the engine gives is read by others without a copy."""

    @pytest.mark.parametrize("kind", VIEWS)
    def test_views_share_their_memory(self, kind):
        view = VIEWS[kind]()
        other = np.from_dlpack(view)
        assert other.ctypes.data == view.ctypes.data
        view[...] = 3.0
        np.testing.assert_array_equal(other, 3.0)
        del view
        gc.collect()
        [large() for _ in range(20)]
        np.testing.assert_array_equal(other, 3.0)

    @pytest.mark.parametrize("kind", outputs())
    def test_results_are_read_in_place(self, kind):
        result = outputs()[kind]
        assert result.__dlpack_device__() == (1, 0)  # the CPU
        other = np.from_dlpack(result)
        assert other.ctypes.data == result.ctypes.data
        np.testing.assert_array_equal(other, result)

    def test_torch_trains_the_engines_parameters_in_place(self):
        torch = pytest.importorskip("torch")
        net = network()
        before = net.parameters.copy()
        weights = torch.from_dlpack(net.parameters)
        weights -= torch.from_dlpack(net.gradients) + 1.0
        np.testing.assert_array_equal(net.parameters, before - 1.0)
        y, _ = net.forward(np.ones((T, B, INPUTS)))
        assert torch.from_dlpack(y).data_ptr() == y.ctypes.data
