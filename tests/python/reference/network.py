"""A stack of layers applied to one batch of sequences."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import autograd.numpy as np
from autograd.tracer import Box

from reference.layers import LAYERS, Array, Spec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


@dataclass
class Run:
    """What the layers of one forward pass read, and what they leave: final_state, new_buffers."""

    parameters: Mapping[str, Array]  # by name, e.g. "0.weight"
    buffers: Mapping[str, Array]  # running statistics, by name
    state: Mapping[str, Array]  # initial states [B, F] by name; what is missing is zero
    start: int  # steps since the state was reset, before this pass
    lengths: Array  # int [B]
    real: Array  # bool [T, B]: steps before the length
    resets: Array  # bool [T, B]
    training: bool
    draw: Callable[[str, str, tuple[int, ...]], Array]  # uniform numbers: reference.random.Draws
    final_state: dict[str, Array] = field(default_factory=dict)
    new_buffers: dict[str, Array] = field(default_factory=dict)

    def initial_state(self, name: str, shape: tuple[int, ...]) -> Array:
        return self.state[name] if name in self.state else np.zeros(shape)

    def coins(self, purpose: str, path: str, shape: tuple[int, ...], p: float) -> Array:
        """1 with probability p, else 0."""
        return (self.draw(purpose, path, shape) < np.float32(p)).astype(float)

    def mask(self, purpose: str, path: str, shape: tuple[int, ...], p: float) -> Array:
        """0 with probability p, else 1 / (1 - p)."""
        return (1 - self.coins(purpose, path, shape, p)) / (1 - p)

    @staticmethod
    def value(x: Array) -> Array:
        """The number behind autograd's box: for what is not differentiated."""
        while isinstance(x, Box):
            x = x._value
        return x

    def real_rows(self, x: Array) -> Array:
        """Which rows of x count: [T, B, 1] for a sequence, [B, 1] behind LastStep."""
        return (self.real if x.ndim == 3 else self.lengths > 0)[..., None]

    def zero_padding(self, x: Array) -> Array:
        return np.where(self.real_rows(x), x, 0.0)

    def stack(self, layers: Sequence[Spec], prefix: str, x: Array) -> Array:
        for index, spec in enumerate(layers):
            x = self.zero_padding(LAYERS[spec["type"]](spec, f"{prefix}{index}", x, self))
        return x


@dataclass(frozen=True)
class Result:
    y: Array  # [T, B, O], or [B, O] behind LastStep
    state: dict[str, Array]  # final states by name
    buffers: dict[str, Array]  # running statistics after this pass


def forward(
    layers: Sequence[Spec],
    parameters: Mapping[str, Array],
    x: Array,
    *,
    buffers: Mapping[str, Array] | None = None,
    state: Mapping[str, Array] | None = None,
    lengths: Any = None,
    resets: Any = None,
    training: bool = False,
    start: int = 0,
    draw: Callable[[str, str, tuple[int, ...]], Array] | None = None,
) -> Result:
    """Outputs, final states and running statistics for x [T, B, I]; int [T, B] for an Embedding."""
    time_steps, batch = x.shape[:2]
    lengths = np.full(batch, time_steps) if lengths is None else np.asarray(lengths)
    real = np.arange(time_steps)[:, None] < lengths[None, :]
    run = Run(
        parameters=parameters,
        buffers=buffers or {},
        state=state or {},
        start=start,
        lengths=lengths,
        real=real,
        resets=np.zeros((time_steps, batch), bool) if resets is None else np.asarray(resets),
        training=training,
        draw=draw,
    )
    x = np.where(real, x, 0) if x.ndim == 2 else run.zero_padding(x)
    y = run.stack(layers, "", x)
    return Result(y, {**run.state, **run.final_state}, {**run.buffers, **run.new_buffers})
