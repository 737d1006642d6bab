"""`out=` is written as it is or refused untouched; shared memory never gives wrong numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import indrnn_engine as ie
from layouts import LAYOUTS
from numpy_calls import INPUTS, B, H, T, calls, network

if TYPE_CHECKING:
    from collections.abc import Callable


# Operations that take out=, with the array that it must be like.
def outputs() -> dict[str, tuple[Callable[..., np.ndarray], np.ndarray]]:
    arguments = {name: call.arguments for name, call in calls().items()}
    net = network()
    runs = {
        "forward": lambda out: net.forward(arguments["forward"]["x"], out=out)[0],
        "step": lambda out: net.step(arguments["step"]["x"], out=out)[0],
        "indrnn_forward": lambda out: ie.ops.indrnn_forward(**arguments["indrnn_forward"], out=out),
        "softmax_cross_entropy": lambda out: ie.losses.softmax_cross_entropy(
            **arguments["softmax_cross_entropy"], out=out
        )[1],
        "mean_squared_error": lambda out: ie.losses.mean_squared_error(
            **arguments["mean_squared_error"], out=out
        )[1],
    }
    return {name: (run, run(None)) for name, run in runs.items()}


@pytest.mark.parametrize(
    "operation",
    ["forward", "step", "indrnn_forward", "softmax_cross_entropy", "mean_squared_error"],
)
class TestOut:
    def test_out_is_written_and_returned(self, operation):
        run, expected = outputs()[operation]
        out = np.full_like(expected, np.nan)
        assert run(out) is out
        np.testing.assert_array_equal(out, expected)

    def test_results_without_out_are_new_and_c_contiguous(self, operation):
        run, first = outputs()[operation]
        second = run(None)
        assert first.flags.c_contiguous
        assert second.flags.c_contiguous
        assert second.flags.owndata
        assert not np.shares_memory(first, second)

    @pytest.mark.parametrize("dtype", ["float32", "int64", ">f8", "complex128"])
    def test_out_is_never_cast(self, operation, dtype):
        run, expected = outputs()[operation]
        out = np.zeros(expected.shape, dtype)
        with pytest.raises(TypeError, match=rf"\[{operation}\] out must be float64"):
            run(out)
        assert not out.any()

    def test_out_of_another_shape_is_refused(self, operation):
        run, expected = outputs()[operation]
        for shape in (
            expected.shape[:-1],
            (*expected.shape, 1),
            expected.shape[::-1],
            (expected.size,),
        ):
            if shape == expected.shape:
                continue
            with pytest.raises(ValueError, match=rf"\[{operation}\] out must have shape"):
                run(np.zeros(shape))

    @pytest.mark.parametrize("layout", ["sliced", "reversed", "fortran", "misaligned"])
    def test_out_of_another_layout_is_refused_and_untouched(self, operation, layout):
        run, expected = outputs()[operation]
        out = LAYOUTS[layout](np.zeros_like(expected))
        with pytest.raises(ValueError, match=rf"\[{operation}\] out must be C-contiguous"):
            run(out)
        assert not out.any()

    def test_read_only_out_is_refused_and_untouched(self, operation):
        run, expected = outputs()[operation]
        out = LAYOUTS["read_only"](np.zeros_like(expected))
        with pytest.raises(ValueError, match=rf"\[{operation}\] out must be writable"):
            run(out)
        assert not out.any()

    @pytest.mark.parametrize("layout", ["subclass", "__array__", "dlpack"])
    def test_out_that_is_no_plain_array_is_refused(self, operation, layout):
        run, expected = outputs()[operation]
        with pytest.raises(TypeError, match=rf"\[{operation}\] out must be a NumPy array"):
            run(LAYOUTS[layout](np.zeros_like(expected)))


class TestOverlap:
    def test_out_over_the_input_is_refused_where_it_would_be_read_later(self):
        net = network([ie.nn.IndRNN(INPUTS)])
        memory = np.ones((T + 1, B, INPUTS))
        for out in (memory[:T], memory[1:]):
            before = memory.copy()
            with pytest.raises(ValueError, match=r"out must not share memory with x"):
                net.forward(memory[:T], out=out)
            np.testing.assert_array_equal(memory, before)

    def test_out_over_the_parameters_is_refused(self):
        net = ie.Network([ie.nn.Linear(2, bias=False)], input_size=2, dtype="float64")
        with pytest.raises(ValueError, match="parameters"):
            net.forward(np.zeros((1, 2, 2)), out=net.parameters.reshape(1, 2, 2))

    def test_out_over_anything_else_that_is_read_or_kept_is_refused(self):
        layers = [ie.nn.Linear(8), ie.nn.BatchNorm(), ie.nn.Recurrence()]
        net = ie.Network(layers, input_size=3, dtype="float64")
        steps, batch = 2, 4
        x, state = np.ones((steps, batch, 3)), net.initial_state(batch)
        memory = np.zeros((steps, batch, 8))
        resets = memory.reshape(-1).view(bool)[: steps * batch].reshape(steps, batch)
        lengths = memory.reshape(-1).view(np.int64)[:batch]
        for name, arguments in (("resets", {"resets": resets}), ("lengths", {"lengths": lengths})):
            with pytest.raises(ValueError, match=rf"\[forward\] out must not share .* {name}"):
                net.forward(x, out=memory, **arguments)
        kept = {
            "the state": (state.flat.reshape(1, batch, 8), {"state": state}),
            "gradients": (net.gradients[:32].reshape(1, batch, 8), {}),
            "running statistics": (net.named_buffers()["1.running_var"].reshape(1, 1, 8), {}),
        }
        for name, (out, arguments) in kept.items():
            before = out.copy()
            with pytest.raises(ValueError, match=rf"\[forward\] out must not share .* {name}"):
                net.forward(x[:1, : out.shape[1]], out=out, **arguments)
            with pytest.raises(ValueError, match=rf"\[step\] out must not share .* {name}"):
                net.step(x[0, : out.shape[1]], out=out[0], **arguments)
            np.testing.assert_array_equal(out, before)

    def test_gradients_of_losses_may_not_lie_over_targets_or_masks(self):
        logits = np.ones((1000, 4), np.float32)
        out = np.zeros_like(logits)
        targets = out.reshape(-1).view(np.int64)[:1000]
        mask = out.reshape(-1).view(bool)[:1000]
        with pytest.raises(ValueError, match="out must not share memory with targets"):
            ie.losses.softmax_cross_entropy(logits, targets, out=out)
        for loss, wanted in (
            (ie.losses.softmax_cross_entropy, np.zeros(1000, np.int64)),
            (ie.losses.mean_squared_error, np.ones_like(logits)),
        ):
            with pytest.raises(ValueError, match="out must not share memory with mask"):
                loss(logits, wanted, mask=mask, out=out)
        assert not out.any()

    def test_the_recurrence_may_run_in_place_but_not_shifted(self):
        arguments = calls()["indrnn_forward"].arguments
        expected = ie.ops.indrnn_forward(**arguments)
        z = arguments["z"].copy()
        assert ie.ops.indrnn_forward(**{**arguments, "z": z}, out=z) is z
        np.testing.assert_array_equal(z, expected)
        memory = np.zeros((T + 1, B, H))
        with pytest.raises(ValueError, match="share memory"):
            ie.ops.indrnn_forward(memory[:T], arguments["u"], out=memory[1:])

    def test_cross_entropy_may_run_in_place(self):
        arguments = calls()["softmax_cross_entropy"].arguments
        loss, expected = ie.losses.softmax_cross_entropy(**arguments)
        logits = arguments["logits"].copy()
        found, gradient = ie.losses.softmax_cross_entropy(
            **{**arguments, "logits": logits}, out=logits
        )
        assert found == loss
        assert gradient is logits
        np.testing.assert_array_equal(logits, expected)

    def test_a_view_of_the_state_as_input_of_a_step(self):
        net = network([ie.nn.IndRNN(INPUTS)])
        state = net.initial_state(B)
        state["0.hidden"][:] = np.arange(1.0, 1.0 + B * INPUTS).reshape(B, INPUTS)
        expected, _ = net.step(state["0.hidden"].copy(), state.copy())
        found, _ = net.step(state["0.hidden"], state)
        np.testing.assert_array_equal(found, expected)

    def test_a_view_of_the_gradients_as_output_gradient(self):
        def gradients(view: bool) -> np.ndarray:
            net = ie.Network([ie.nn.Linear(2, bias=False)], input_size=2, dtype="float64", seed=2)
            net.forward(np.arange(1.0, 5.0).reshape(1, 2, 2), training=True)
            net.gradients[:] = [1.0, 2.0, 3.0, 4.0]
            dy = net.gradients.reshape(1, 2, 2)
            net.backward(dy if view else dy.copy())
            return net.gradients.copy()

        np.testing.assert_array_equal(gradients(view=True), gradients(view=False))
