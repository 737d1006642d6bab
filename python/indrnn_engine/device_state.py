"""What a network on a GPU carries from one call to the next, without leaving the GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._core import DeviceState as CoreDeviceState
from ._core import State as CoreState
from ._state_parts import StateParts
from .state import State

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    from ._core import DeviceArray

    AnyState = TypeVar("AnyState", bound="State | DeviceState", default=State)

__all__ = ["DeviceState"]


class DeviceState(StateParts):
    """The hidden states of a network in the memory of its GPU.

    Made by `Network.device_state`. `Network.forward`, `step` and `backward` take it in place of
    a `State` and give one back, and then wait for nothing;
    `indrnn_engine.cuda.CapturedStep` carries it from step to step. It belongs to the network that
    made it. `to_host` gives a `State`, which can be pickled and given to other networks; `assign`
    takes one.

    Examples
    --------
    >>> import numpy as np
    >>> import indrnn_engine as ie
    >>> if "cuda:0" in ie.devices():
    ...     net = ie.Network([ie.nn.IndRNN(3)], input_size=2, device="cuda")
    ...     state = net.device_state(batch=4)
    ...     x = ie.to_device(np.ones((4, 2), np.float32), net)
    ...     for _ in range(10):
    ...         y, state = net.step(x, state)
    ...     hidden = state.to_host()["0.hidden"]
    """

    __slots__ = ()

    _core: CoreDeviceState

    def __init__(self) -> None:
        raise TypeError("[DeviceState] use Network.device_state(batch) to make one")

    @property
    def flat(self) -> DeviceArray:
        """All arrays behind each other: [sum of B * F], writes go through."""
        return self._core.flat

    def __getitem__(self, name: str) -> DeviceArray:
        array: DeviceArray = self._view(name)
        return array

    def zero(self) -> None:
        """Set all of it, and `steps`, to zero: new sequences begin."""
        self._core.zero()

    def assign(self, state: State | DeviceState) -> None:
        """Take the values and `steps` of another state of these layers and this batch.

        Raises
        ------
        TypeError
            If it is no state, or of another dtype.
        ValueError
            For another batch or other entries.
        """
        other = core_of("DeviceState", "state", state)
        if other is None:
            raise TypeError("[DeviceState] state must be a State or DeviceState, got None")
        mine = (self.batch, self._core.names, self._core.features)
        if (other.batch, other.names, other.features) != mine:
            raise ValueError(f"[DeviceState] state must be like {self!r}, got {state!r}")
        if other.flat.dtype != self.flat.dtype:
            raise TypeError(
                f"[DeviceState] state must be {self.flat.dtype}, got {other.flat.dtype}"
            )
        self.flat[:] = other.flat
        self._core.steps = other.steps

    def to_host(self) -> State:
        """Copy to the host, once the device has come so far."""
        core = self._core
        return State._of(
            CoreState.from_parts(
                core.names, core.features, core.batch, core.steps, core.flat.numpy()
            )
        )

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("[DeviceState] cannot be pickled; to_host() gives a State, which can be")

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name}: {list(self[name].shape)}" for name in self.names())
        flat = self.flat
        return (
            f"DeviceState({{{shapes}}}, dtype={flat.dtype}, device='{flat.device}', "
            f"steps={self.steps})"
        )


def core_of(operation: str, name: str, state: object) -> CoreState | CoreDeviceState | None:
    """Return the engine's state behind `state`; None for None."""
    if state is None:
        return None
    if not isinstance(state, State | DeviceState):
        raise TypeError(
            f"[{operation}] {name} must be a State, as initial_state or forward give, or a "
            f"DeviceState, got {type(state).__name__}"
        )
    return state._core


def of_any_core(core: CoreState | CoreDeviceState) -> Any:
    """Return the State or DeviceState over an engine's state."""
    return State._of(core) if isinstance(core, CoreState) else DeviceState._of(core)
