"""What the optimizers' state dicts have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..network import Network

if TYPE_CHECKING:
    from .. import _core


def core_of(operation: str, network: object) -> _core.Network:
    """Return the engine's network behind `network`."""
    if not isinstance(network, Network):
        raise TypeError(f"[{operation}] network must be a Network, got {type(network).__name__}")
    return network._core


def check_keys(operation: str, values: object, expected: Sequence[str]) -> Mapping[str, Any]:
    """`values`, a mapping with exactly the expected keys, of this optimizer."""
    if not isinstance(values, Mapping):
        raise TypeError(f"[{operation}] state must be a mapping, got {type(values).__name__}")
    missing = [key for key in expected if key not in values]
    extra = [str(key) for key in values if key not in expected]
    if missing or extra:
        problems = [f"missing {', '.join(missing)}"] if missing else []
        problems += [f"unknown {', '.join(extra)}"] if extra else []
        raise ValueError(f"[{operation}] state has the wrong keys: {'; '.join(problems)}")
    name = operation.split(".")[0]
    if values["optimizer"] != name:
        raise ValueError(f"[{operation}] state is of {values['optimizer']!r}, not of {name!r}")
    return values
