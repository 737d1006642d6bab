"""A copy of all that training changes in a network and its optimizer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..network import Network

__all__ = ["Snapshot"]


@dataclass(frozen=True)
class Snapshot:
    """Weights, running statistics and optimizer state at one step.

    Attributes
    ----------
    parameters : ndarray [P]
    buffers : dict of str to ndarray
    optimizer : dict
        Arrays and numbers of the optimizer's `state_dict`.
    """

    parameters: NDArray[Any]
    buffers: dict[str, NDArray[Any]]
    optimizer: dict[str, Any]

    @classmethod
    def take(cls, net: Network, optimizer: Any) -> Snapshot:
        """Copy the present state."""
        return cls(
            np.array(net.parameters),
            {name: np.array(view) for name, view in net.named_buffers().items()},
            {
                name: np.array(value) if isinstance(value, np.ndarray) else value
                for name, value in optimizer.state_dict().items()
            },
        )

    def restore(self, net: Network, optimizer: Any) -> None:
        """Write the copy back."""
        net.parameters[...] = self.parameters
        for name, view in net.named_buffers().items():
            view[...] = self.buffers[name]
        optimizer.load_state_dict(self.optimizer)

    def is_finite(self) -> bool:
        """Say whether every weight and statistic is a finite number."""
        arrays = [self.parameters, *self.buffers.values()]
        return all(bool(np.isfinite(array).all()) for array in arrays)

    def pack(self, prefix: str) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Give named arrays and JSON numbers, for a checkpoint."""
        arrays = {f"{prefix}.parameters": self.parameters}
        arrays |= {f"{prefix}.buffers.{name}": value for name, value in self.buffers.items()}
        numbers: dict[str, Any] = {}
        for name, value in self.optimizer.items():
            if isinstance(value, np.ndarray):
                arrays[f"{prefix}.optimizer.{name}"] = value
            else:
                numbers[name] = value
        return arrays, numbers

    @classmethod
    def unpack(
        cls, prefix: str, arrays: dict[str, NDArray[Any]], numbers: dict[str, Any]
    ) -> Snapshot:
        """Take it out of what `pack` gave."""
        buffers = _under(f"{prefix}.buffers.", arrays)
        return cls(
            arrays[f"{prefix}.parameters"],
            buffers,
            {**numbers, **_under(f"{prefix}.optimizer.", arrays)},
        )


def _under(prefix: str, arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {name[len(prefix) :]: value for name, value in arrays.items() if name.startswith(prefix)}
