"""The same values in every memory layout and kind of object that NumPy users hand over."""

from __future__ import annotations

from typing import Any

import numpy as np


def sliced(values: np.ndarray) -> np.ndarray:
    """Every second element of a larger array, along all axes."""
    larger = np.full([2 * size + 1 for size in values.shape], 77, values.dtype)
    view = larger[tuple(slice(1, None, 2) for _ in values.shape)]
    view[...] = values
    return view


def reversed_view(values: np.ndarray) -> np.ndarray:
    """Negative strides along all axes."""
    backwards = tuple(slice(None, None, -1) for _ in values.shape)
    return values[backwards].copy()[backwards]


def fortran(values: np.ndarray) -> np.ndarray:
    return np.asfortranarray(values)


def transposed(values: np.ndarray) -> np.ndarray:
    """Axes stored in a mixed order."""
    return np.moveaxis(np.moveaxis(values, 0, -1).copy(), -1, 0)


def read_only(values: np.ndarray) -> np.ndarray:
    copy = values.copy()
    copy.flags.writeable = False
    return copy


def misaligned(values: np.ndarray) -> np.ndarray:
    """One byte past an aligned address."""
    memory = np.zeros(values.nbytes + 1, np.uint8)
    view = memory[1:].view(values.dtype).reshape(values.shape)
    view[...] = values
    return view


def in_bytes(values: np.ndarray) -> np.ndarray:
    """Read-only memory of another object, at an odd address."""
    memory = b"x" * (1 + np.frombuffer(b"xx", np.uint8).ctypes.data % 2) + values.tobytes()
    return np.frombuffer(memory, values.dtype, offset=len(memory) - values.nbytes).reshape(
        values.shape
    )


def field(values: np.ndarray) -> np.ndarray:
    """One field of packed records: strided, misaligned, and of foreign byte order."""
    kind = values.dtype.newbyteorder("S")
    records = np.zeros(values.shape, [("before", "u1"), ("value", kind), ("after", "u1")])
    records["value"] = values
    return records["value"]


def foreign_byte_order(values: np.ndarray) -> np.ndarray:
    return values.astype(values.dtype.newbyteorder("S"))


class Subclass(np.ndarray):
    pass


def subclass(values: np.ndarray) -> np.ndarray:
    return values.copy().view(Subclass)


class Wrapped:
    """Shows its values through one protocol only."""

    def __init__(self, values: np.ndarray) -> None:
        self._values = values


class WithArray(Wrapped):
    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self._values


class WithInterface(Wrapped):
    @property
    def __array_interface__(self) -> dict[str, Any]:
        return self._values.__array_interface__


class WithDlpack(Wrapped):
    def __dlpack__(self, **options: Any) -> Any:
        return self._values.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._values.__dlpack_device__()


class WithOldDlpack(WithDlpack):
    """Knows none of the arguments that came with version 1 of the protocol."""

    def __dlpack__(self, *, stream: Any = None) -> Any:
        return self._values.__dlpack__(stream=stream)


class WithOldArray(Wrapped):
    """Knows no `copy`, which came with NumPy 2."""

    def __array__(self, dtype: Any = None) -> np.ndarray:
        return self._values if dtype is None else self._values.astype(dtype)


class WithBuffer:
    def __new__(cls, values: np.ndarray) -> Any:
        return memoryview(values)


LAYOUTS = {
    "sliced": sliced,
    "reversed": reversed_view,
    "fortran": fortran,
    "transposed": transposed,
    "read_only": read_only,
    "misaligned": misaligned,
    "in_bytes": in_bytes,
    "field": field,
    "foreign_byte_order": foreign_byte_order,
    "subclass": subclass,
    "__array__": WithArray,
    "old __array__": WithOldArray,
    "__array_interface__": WithInterface,
    "dlpack": WithDlpack,
    "old dlpack": WithOldDlpack,
    "buffer": WithBuffer,
}
