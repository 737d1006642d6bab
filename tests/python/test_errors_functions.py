"""Wrong arguments of operations, losses, optimizers and files: each message names the argument."""

from __future__ import annotations

import numpy as np
import pytest

import indrnn_engine as ie
from error_cases import SIZE, B, T, array, assert_raises, check, network


def op(dh=None, *, backward=False, **changes):
    arguments = {"z": array(T, B, SIZE), "u": array(SIZE), **changes}
    if not backward:
        return ie.ops.indrnn_forward(**arguments)
    arguments["h"] = arguments.pop("z")
    return ie.ops.indrnn_backward(array(T, B, SIZE) if dh is None else dh, **arguments)


@pytest.mark.parametrize("backward", [False, True], ids=["forward", "backward"])
@check(
    [
        (
            "sequence rank",
            {"z": array(T, SIZE)},
            ValueError,
            r"(z|h) must have 3 dimensions \[T, B, H\]",
        ),
        (
            "sequence dtype",
            {"z": array(T, B, SIZE, dtype=np.int64)},
            TypeError,
            "(z|h) must .*float32.* got int64",
        ),
        ("u size", {"u": array(4)}, ValueError, r"u must .*\[5\].* got .*\[4\]"),
        (
            "u dtype",
            {"u": array(SIZE, dtype=np.float64)},
            TypeError,
            "u must .*float32.* got float64",
        ),
        ("h0 shape", {"h0": array(SIZE, B)}, ValueError, r"h0 must .*\[3, 5\].* got .*\[5, 3\]"),
        ("activation", {"activation": "step"}, ValueError, "activation must .*relu.*step"),
        (
            "lengths count",
            {"lengths": array(2, dtype=np.int64)},
            ValueError,
            r"lengths must .*3.* got .*2",
        ),
        ("length above T", {"lengths": np.array([1, 5, 2])}, ValueError, "lengths.* got 5"),
    ]
)
def test_ops(call, error, message, backward):
    assert_raises(lambda: op(backward=backward, **call), error, message)


def test_op_backward_gradient_shape():
    assert_raises(
        lambda: op(array(T, B, 4), backward=True),
        ValueError,
        r" d?h must have shape .*\[4, 3, 4\], got",
    )


LOGITS, TARGETS = array(T, B, 5), array(T, B, dtype=np.int64)


@check(
    [
        (
            "logits dtype",
            lambda: ie.losses.softmax_cross_entropy(TARGETS, TARGETS),
            TypeError,
            "logits must .*float32.* got int64",
        ),
        (
            "targets dtype",
            lambda: ie.losses.softmax_cross_entropy(LOGITS, array(T, B)),
            TypeError,
            "targets must .*int64.* got float32",
        ),
        (
            "targets shape",
            lambda: ie.losses.softmax_cross_entropy(LOGITS, array(B, T, dtype=np.int64)),
            ValueError,
            r"targets must .*\[4, 3\].* got .*\[3, 4\]",
        ),
        (
            "target above",
            lambda: ie.losses.softmax_cross_entropy(LOGITS, TARGETS + 5),
            ValueError,
            "targets must .*5.* got 5",
        ),
        (
            "target below",
            lambda: ie.losses.softmax_cross_entropy(LOGITS, TARGETS - 1),
            ValueError,
            "targets must .* got -1",
        ),
        (
            "mask dtype",
            lambda: ie.losses.softmax_cross_entropy(LOGITS, TARGETS, mask=TARGETS),
            TypeError,
            "mask must .*bool.* got int64",
        ),
        (
            "mask shape",
            lambda: ie.losses.softmax_cross_entropy(LOGITS, TARGETS, mask=array(T, dtype=bool)),
            ValueError,
            r"mask must .*\[4, 3\].* got .*\[4\]",
        ),
        (
            "prediction dtype",
            lambda: ie.losses.mean_squared_error(TARGETS, TARGETS),
            TypeError,
            "y must .*float32.* got int64",
        ),
        (
            "target dtype",
            lambda: ie.losses.mean_squared_error(LOGITS, LOGITS.astype(float)),
            TypeError,
            "target must .*float32.* got float64",
        ),
        (
            "target shape",
            lambda: ie.losses.mean_squared_error(LOGITS, array(T, B, 4)),
            ValueError,
            r"target must .*\[4, 3, 5\].* got .*\[4, 3, 4\]",
        ),
        (
            "squared mask shape",
            lambda: ie.losses.mean_squared_error(LOGITS, LOGITS, mask=array(B, dtype=bool)),
            ValueError,
            r"mask must .*\[4, 3\].* got .*\[3\]",
        ),
    ]
)
def test_losses(call, error, message):
    assert_raises(call, error, message)


@check(
    [
        ("adam lr", lambda: ie.optim.Adam(network(), lr=-1.0), ValueError, "lr must .* got -1"),
        (
            "adam lr nan",
            lambda: ie.optim.Adam(network(), lr=float("nan")),
            ValueError,
            "lr must .* got nan",
        ),
        (
            "adam beta",
            lambda: ie.optim.Adam(network(), betas=(0.9, 1.0)),
            ValueError,
            "beta.* got 1",
        ),
        (
            "adam epsilon",
            lambda: ie.optim.Adam(network(), epsilon=-1.0),
            ValueError,
            "epsilon must .* got -1",
        ),
        (
            "adam decay",
            lambda: ie.optim.Adam(network(), weight_decay=-1.0),
            ValueError,
            "weight_decay must .* got -1",
        ),
        (
            "sgd momentum",
            lambda: ie.optim.SGD(network(), 0.1, momentum=1.0),
            ValueError,
            "momentum must .* got 1",
        ),
        (
            "clip value",
            lambda: ie.optim.clip_gradients(network(), value=-1.0),
            ValueError,
            "value|limit",
        ),
        (
            "clip norm",
            lambda: ie.optim.clip_gradients(network(), norm=float("nan")),
            ValueError,
            "norm|limit",
        ),
        ("clip nothing", lambda: ie.optim.clip_gradients(network()), ValueError, "value.*norm"),
        (
            "bound",
            lambda: ie.optim.constrain_recurrent(network(), -0.5),
            ValueError,
            "bound must .* got -0.5",
        ),
        ("not a network", lambda: ie.optim.Adam(array(3)), TypeError, "Network.* got ndarray"),
    ]
)
def test_optim(call, error, message):
    assert_raises(call, error, message)


@check(
    [
        (
            "missing",
            lambda folder: ie.Network.load(folder / "none.safetensors"),
            FileNotFoundError,
            "none.safetensors",
        ),
        ("empty", lambda folder: load_bytes(folder, b""), ValueError, "safetensors"),
        ("garbage", lambda folder: load_bytes(folder, b"\xff" * 64), ValueError, "safetensors"),
        (
            "save nowhere",
            lambda folder: network().save(folder / "no" / "model.safetensors"),
            FileNotFoundError,
            "no",
        ),
    ]
)
def test_files(call, error, message, tmp_path):
    with pytest.raises(error, match=message):
        call(tmp_path)


def load_bytes(folder, content):
    path = folder / "model.safetensors"
    path.write_bytes(content)
    return ie.Network.load(path)
