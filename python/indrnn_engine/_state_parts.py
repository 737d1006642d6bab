"""What a state on the host and one on a GPU have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import _checks

if TYPE_CHECKING:
    from typing_extensions import Self

    from ._core import DeviceState as CoreDeviceState
    from ._core import State as CoreState


class StateParts:
    """Names, sizes and copies of a `State` or `DeviceState`."""

    __slots__ = ("_core",)

    _core: CoreState | CoreDeviceState

    @classmethod
    def _of(cls, core: Any) -> Self:
        state = cls.__new__(cls)
        state._core = core
        return state

    def names(self) -> list[str]:
        """Return the names in the order of `flat`: "0.hidden" is the hidden state of layer 0."""
        return self._core.names

    @property
    def batch(self) -> int:
        """B, the number of sequences."""
        return self._core.batch

    @property
    def steps(self) -> int:
        """Time steps since the state was zero; may be set."""
        return self._core.steps

    @steps.setter
    def steps(self, steps: int) -> None:
        self._core.steps = _checks.integer(type(self).__name__, "steps", steps)

    def copy(self) -> Self:
        """Return an independent copy."""
        return self._of(self._core.copy())

    def __copy__(self) -> Self:
        return self.copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self.copy()

    def _view(self, name: str) -> Any:
        if name not in self._core.names:
            known = ", ".join(self._core.names) or "none: the network has no recurrence"
            raise KeyError(f"[{type(self).__name__}] no entry {name!r}; the entries are {known}")
        return self._core.view(name)
