"""Gradients by automatic and by numerical differentiation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import autograd
import numpy as np

from reference.network import forward

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from reference.layers import Array, Spec


@dataclass(frozen=True)
class Gradients:
    """Gradients of sum(dy * y) + sum(dstate * final state)."""

    parameters: dict[str, Array]  # by parameter name
    x: Array | None  # like x; None for indices
    state: dict[str, Array]  # of the initial states, by state name


def gradients(
    layers: Sequence[Spec],
    parameters: Mapping[str, Array],
    x: Array,
    dy: Array,
    dstate: Mapping[str, Array] | None = None,
    *,
    state: Mapping[str, Array] | None = None,
    **options: Any,
) -> Gradients:
    """By `autograd`, of `forward` with these options. Only states that are given get a gradient."""
    differentiable_x = {"x": x} if np.issubdtype(x.dtype, np.floating) else {}

    def functional(
        parameters: Mapping[str, Array], inputs: Mapping[str, Array], state: Mapping[str, Array]
    ) -> Array:
        result = forward(
            layers, parameters, inputs["x"] if differentiable_x else x, state=state, **options
        )
        value = autograd.numpy.sum(dy * result.y)
        for name, weights in (dstate or {}).items():
            value = value + autograd.numpy.sum(weights * result.state[name])
        return value

    arguments = (dict(parameters), differentiable_x, dict(state or {}))
    d_parameters, d_inputs, d_state = autograd.grad(functional, argnum=(0, 1, 2))(*arguments)
    return Gradients(dict(d_parameters), d_inputs.get("x"), dict(d_state))


def finite_differences(functional: Callable[[], float], values: Array, step: float = 1e-5) -> Array:
    """Central differences of a function that reads `values`, which this perturbs in place."""
    result = np.zeros(values.shape)
    for index in np.ndindex(*values.shape):
        original = values[index]
        values[index] = original + step
        above = functional()
        values[index] = original - step
        below = functional()
        values[index] = original
        result[index] = (above - below) / (2 * step)
    return result
