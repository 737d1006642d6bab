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
    "foreign_byte_order": foreign_byte_order,
    "subclass": subclass,
    "__array__": WithArray,
    "__array_interface__": WithInterface,
    "dlpack": WithDlpack,
    "buffer": WithBuffer,
}
