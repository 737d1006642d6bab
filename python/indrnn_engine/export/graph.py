"""What an ONNX graph is built with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Graph", "Value"]


@dataclass(frozen=True)
class Value:
    """What flows between layers, perhaps not computed yet.

    It is scale * (weight @ name + bias) + offset: a product and a batch norm behind it are held
    back, so that what follows may take them into its own weights.
    """

    name: str
    features: int
    sequence: bool = True  # [T, B, F], otherwise [B, F]
    weight: NDArray[np.float64] | None = None  # [F, inputs]
    bias: NDArray[np.float64] | None = None  # [F], with weight
    scale: NDArray[np.float64] | None = None  # [F]
    offset: NDArray[np.float64] | None = None  # [F], with scale


class Graph:
    """Nodes and constants of one graph, named as they come.

    `prefix` keeps the names of a Scan's body apart from those around it.
    """

    def __init__(self, onnx: Any, dtype: np.dtype[Any], prefix: str = "") -> None:
        self.onnx = onnx
        self.dtype = dtype
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._prefix = prefix
        self._count = 0
        self._known: dict[tuple[bytes, str, tuple[int, ...]], str] = {}

    @property
    def element_type(self) -> int:
        """ONNX's number of the network's dtype."""
        return int(self.onnx.helper.np_dtype_to_tensor_dtype(self.dtype))

    def name(self, kind: str) -> str:
        """Return a name that nothing else has."""
        self._count += 1
        return f"{self._prefix}{kind}_{self._count}"

    def constant(self, values: Any, dtype: Any = None) -> str:
        """Return the name of a constant, the same for equal ones."""
        array = np.asarray(values, dtype=self.dtype if dtype is None else dtype, order="C")
        key = (array.tobytes(), array.dtype.str, array.shape)
        if key not in self._known:
            name = self.name("constant")
            self.constants.append(self.onnx.numpy_helper.from_array(array, name))
            self._known[key] = name
        return self._known[key]

    def integers(self, *values: int) -> str:
        """Return the name of a constant [n] of int64."""
        return self.constant(values, np.int64)

    def node(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> Any:
        """Add a node; return the name of its output, or a list of them."""
        names = [self.name(kind) for _ in range(outputs)]
        self.nodes.append(self.onnx.helper.make_node(kind, inputs, names, **attributes))
        return names[0] if outputs == 1 else names

    def rename(self, name: str, wanted: str) -> None:
        """Add a value under a name of its own."""
        self.nodes.append(self.onnx.helper.make_node("Identity", [name], [wanted]))

    def subgraph(self, name: str, inputs: Sequence[Any], outputs: Sequence[Any]) -> Any:
        """Return what was built here as the body of a Scan."""
        return self.onnx.helper.make_graph(
            self.nodes, name, inputs, outputs, initializer=self.constants
        )

    def value_info(self, name: str, shape: Sequence[int | str], dtype: Any = None) -> Any:
        """Return the declaration of an input or output; a text is a dimension left open."""
        kind = self.onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype or self.dtype))
        return self.onnx.helper.make_tensor_value_info(name, kind, shape)
