"""Public functions that take arrays, with good arguments for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

import indrnn_engine as ie

if TYPE_CHECKING:
    from collections.abc import Callable

T, B, INPUTS, H, C = 7, 3, 2, 5, 4


class Call:
    """A public function that takes arrays, and good arguments for it."""

    def __init__(self, run: Callable[..., Any], **arguments: np.ndarray) -> None:
        self.run = run
        self.arguments = arguments

    def results(self, **changed: Any) -> list[np.ndarray]:
        return self.run(**{**self.arguments, **changed})


def network(layers: list[Any] | None = None, **options: Any) -> ie.Network:
    options = {"input_size": INPUTS, "dtype": "float64", "seed": 5, **options}
    return ie.Network(layers or [ie.nn.IndRNN(H), ie.nn.Linear(C)], **options)


def forward(x: Any, lengths: Any = None, resets: Any = None) -> list[np.ndarray]:
    y, state = network().forward(x, lengths=lengths, resets=resets)
    return [y, state.flat]


def embedded(x: Any) -> list[np.ndarray]:
    y, state = network([ie.nn.Embedding(9, 4), ie.nn.IndRNN(H)]).forward(x)
    return [y, state.flat]


def backward(dy: Any) -> list[np.ndarray]:
    net = network()
    net.forward(np.random.default_rng(1).normal(size=(T, B, INPUTS)), training=True)
    dx, dstate = net.backward(dy)
    return [dx, dstate.flat, net.gradients]


def step(x: Any) -> list[np.ndarray]:
    y, state = network().step(x)
    return [y, state.flat]


def calls() -> dict[str, Call]:
    rng = np.random.default_rng(0)
    x, resets = rng.normal(size=(T, B, INPUTS)), rng.random((T, B)) < 0.3
    z, h0, u = rng.normal(size=(T, B, H)), rng.random((B, H)), rng.uniform(-1, 1, H)
    lengths = np.array([7, 0, 4])
    h = ie.ops.indrnn_forward(z, u, h0, lengths=lengths)
    mask = rng.random((T, B)) < 0.5
    return {
        "forward": Call(forward, x=x, lengths=lengths, resets=resets),
        "embedded": Call(embedded, x=rng.integers(0, 9, (T, B))),
        "backward": Call(backward, dy=rng.normal(size=(T, B, C))),
        "step": Call(step, x=rng.normal(size=(B, INPUTS))),
        "indrnn_forward": Call(
            lambda **a: [ie.ops.indrnn_forward(**a)], z=z, u=u, h0=h0, lengths=lengths
        ),
        "indrnn_backward": Call(
            lambda **a: list(ie.ops.indrnn_backward(**a)),
            dh=rng.normal(size=h.shape),
            h=h,
            u=u,
            h0=h0,
            lengths=lengths,
        ),
        "softmax_cross_entropy": Call(
            lambda **a: list(ie.losses.softmax_cross_entropy(**a)),
            logits=rng.normal(size=(T, B, C)),
            targets=rng.integers(0, C, (T, B)),
            mask=mask,
        ),
        "mean_squared_error": Call(
            lambda **a: list(ie.losses.mean_squared_error(**a)),
            y=rng.normal(size=(T, B, C)),
            target=rng.normal(size=(T, B, C)),
            mask=mask,
        ),
    }
