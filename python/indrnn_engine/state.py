"""What a network carries from one call to the next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from numpy.typing import NDArray

from ._checks import array_like
from ._core import State as CoreState
from ._state_parts import StateParts

__all__ = ["State"]


class State(StateParts, Mapping[str, NDArray[Any]]):
    """The hidden states of a network's recurrences: a mapping from name to array [B, F].

    Made by `Network.initial_state` and given back by `Network.forward`. The arrays are views: what
    is written into them is what the next call starts from, and they keep the state's memory alive.
    Independent copies come from `copy`, `copy.copy`, `copy.deepcopy` and pickle. Use one state in
    one thread at a time.

    Examples
    --------
    >>> import numpy as np
    >>> import indrnn_engine as ie
    >>> net = ie.Network([ie.nn.IndRNN(3)], input_size=2)
    >>> state = net.initial_state(batch=4)
    >>> state.names(), state["0.hidden"].shape, state.steps
    (['0.hidden'], (4, 3), 0)
    >>> state["0.hidden"][:] = 0.5
    >>> y, state = net.forward(np.zeros((7, 4, 2), np.float32), state)
    >>> state.steps
    7
    """

    __slots__ = ()

    _core: CoreState

    def __init__(self) -> None:
        raise TypeError("[State] use Network.initial_state(batch) to make a state")

    @property
    def flat(self) -> NDArray[Any]:
        """All arrays behind each other: a writable view [sum of B * F]."""
        return self._core.flat

    def __getitem__(self, name: str) -> NDArray[Any]:
        array: NDArray[Any] = self._view(name)
        return array

    def __setitem__(self, name: str, values: NDArray[Any]) -> None:
        """Overwrite an entry with an array of its dtype and shape."""
        view = self[name]
        view[...] = array_like("State", name, values, view)

    def __iter__(self) -> Iterator[str]:
        return iter(self._core.names)

    def __len__(self) -> int:
        return len(self._core.names)

    # A mapping of arrays has no truth value of ==, so states are compared by identity.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __reduce__(self) -> tuple[Any, ...]:
        core = self._core
        return _rebuild, (core.names, core.features, core.batch, core.steps, core.flat.copy())

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name}: {list(view.shape)}" for name, view in self.items())
        return f"State({{{shapes}}}, dtype={self.flat.dtype}, steps={self.steps})"


def _rebuild(
    names: list[str], features: list[int], batch: int, steps: int, flat: NDArray[Any]
) -> State:
    return State._of(CoreState.from_parts(names, features, batch, steps, flat))
