"""A stack of layers with its parameters and gradients."""

from __future__ import annotations

import copy
import os
from typing import TYPE_CHECKING, Any

from . import _checks, _cuda, _document, _threadpoolctl, nn
from ._core import DeviceState as CoreDeviceState
from ._core import Network as CoreNetwork
from ._data_parallel import DataParallelHooks
from ._parameters import Parameters
from ._plans import Plans
from ._streams import Streams
from .device_state import DeviceState, core_of, of_any_core
from .state import State
from .summary import Summary, describe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import DTypeLike, NDArray
    from typing_extensions import Self

    from .device_state import AnyState

__all__ = ["Network"]


class Network(Parameters, Plans, Streams, DataParallelHooks):
    """A network on one device: parameters, gradients and all arithmetic of a list of layer specs.

    Parameters
    ----------
    layers : sequence of layer specs
        What the network is made of, first layer first; see `indrnn_engine.nn`.
    input_size : int, optional
        I, the features of the input. Needed unless the first layer is an `Embedding`, which does
        not use it.
    dtype : str or dtype, default "float32"
        "float32" or "float64": of parameters, inputs and outputs.
    device : str, default "cpu"
        One of `indrnn_engine.devices`; "cuda" is "cuda:0". See `DeviceArray` for arrays there.
    seed : int, default 0
        Of the initial parameters and of dropout, from 0 to 2**64 - 1.
    memory : str, default "store"
        "store": `backward` finds every activation of `forward`. "recompute": `forward` keeps the
        states at the borders of windows of time, and `backward` runs each window again: the same
        bits in more time, and memory that grows with T / window instead of T times the number of
        layers. (The gradient of a matrix that `TiedLinear` shares may be the same sum in another
        order.)
    storage : str, default "full"
        How values between the layers, their gradients and the factors of matrix products are
        stored: in the network's dtype, or with "bfloat16" rounded to it, for half the memory and
        traffic on a GPU. What you give and get, parameters, gradients and states stay float32, and
        all sums are float32 or wider. Needs `dtype` float32 and a CUDA device of compute
        capability 8.0 or later.

    Raises
    ------
    ValueError
        For a layer or field that cannot be used (named) or a missing input size.
    TypeError
        For something that is no layer spec, or another dtype.
    RuntimeError
        For a device that is not there.

    Notes
    -----
    Thread safety: different networks run in parallel. Calls on one network wait for
    each other, so that two threads may predict with one network; training belongs in one thread, as
    forward and backward go together. The interpreter lock is released while the engine computes,
    and Ctrl-C interrupts it.

    Examples
    --------
    >>> import numpy as np
    >>> import indrnn_engine as ie
    >>> layers = [ie.nn.IndRNN(128), ie.nn.BatchNorm(), ie.nn.LastStep(), ie.nn.Linear(10)]
    >>> net = ie.Network(layers, input_size=1, seed=3)
    >>> net.num_parameters
    1930
    >>> x = np.zeros((64, 32, 1), np.float32)
    >>> y, state = net.forward(x, training=True)
    >>> y.shape
    (32, 10)
    >>> dx, dstate = net.backward(np.ones_like(y))
    >>> net.named_gradients()["3.bias"].tolist() == [32.0] * 10
    True
    """

    __slots__ = ("__weakref__", "_core", "_layers")

    _core: CoreNetwork
    _layers: tuple[nn.Layer, ...]

    def __init__(
        self,
        layers: Sequence[nn.Layer],
        input_size: int | None = None,
        dtype: DTypeLike = "float32",
        device: str = "cpu",
        seed: int = 0,
        memory: str = "store",
        storage: str = "full",
    ) -> None:
        self._layers = _document.specs(layers)
        document = _document.write(self._layers, input_size, dtype)
        seed = _checks.integer("Network", "seed", seed, 0, 2**64 - 1)
        device = _cuda.check("Network", _checks.text("Network", "device", device))
        memory = _checks.text("Network", "memory", memory)
        self._core = CoreNetwork.from_json(document, device, seed, memory)
        self._core.set_storage(_checks.text("Network", "storage", storage))
        _threadpoolctl.register()

    @classmethod
    def from_json(
        cls,
        text: str,
        device: str = "cpu",
        seed: int = 0,
        memory: str = "store",
        storage: str = "full",
    ) -> Network:
        """Make a new network, with fresh parameters, from what `to_json` gave.

        Parameters
        ----------
        text : str
            {"input_size": 1, "dtype": "float32", "layers": [{"type": "Linear", "size": 128}, ...]};
            layers as `nn.from_dict` reads them.
        device, seed, memory, storage
            As for `Network`.

        Returns
        -------
        Network

        Raises
        ------
        ValueError
            If the text is not such a document.

        Examples
        --------
        >>> import indrnn_engine as ie
        >>> net = ie.Network([ie.nn.IndRNN(8)], input_size=2)
        >>> ie.Network.from_json(net.to_json()).layers == net.layers
        True
        """
        document = _document.read(text)
        return cls(
            document["layers"],
            input_size=document.get("input_size"),
            dtype=document.get("dtype", "float32"),
            device=device,
            seed=seed,
            memory=memory,
            storage=storage,
        )

    def to_json(self) -> str:
        """Return layers, input size and dtype as JSON text, without the parameters."""
        return self._core.to_json()

    # What it is

    @property
    def layers(self) -> tuple[nn.Layer, ...]:
        """The layer specs."""
        return self._layers

    @property
    def input_size(self) -> int | None:
        """I, the features of the input; None for a network that takes indices."""
        return None if self._core.takes_indices else self._core.input_size

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32 or float64."""
        return self._core.dtype

    @property
    def device(self) -> str:
        """The device it computes on."""
        return self._core.device

    @property
    def memory(self) -> str:
        """How activations reach `backward`: "store" or "recompute"."""
        return self._core.memory

    @property
    def storage(self) -> str:
        """How values between the layers are stored: "full" or "bfloat16"."""
        return self._core.storage

    @property
    def takes_indices(self) -> bool:
        """Whether the input is int64 [T, B]: the first layer is an `Embedding`."""
        return self._core.takes_indices

    # Computing

    def forward(
        self,
        x: NDArray[Any],
        state: AnyState | None = None,
        lengths: NDArray[Any] | None = None,
        training: bool = False,
        *,
        resets: NDArray[Any] | None = None,
        keep: bool | None = None,
        out: NDArray[Any] | None = None,
    ) -> tuple[NDArray[Any], AnyState]:
        """Run a batch of sequences.

        Parameters
        ----------
        x : array [T, B, I] of the network's dtype, or int64 [T, B]
            Input; indices if `takes_indices`.
        state : State or DeviceState, optional
            State before the first step; zero if left out. It is not changed.
        lengths : integer array [B], optional
            Where each sequence ends, from 0 to T. Past its length outputs are zero and x is not
            used.
        training : bool, default False
            Use batch statistics and update the running ones, draw dropout, and keep what `backward`
            needs.
        resets : bool array [T, B], optional
            Where True, the state is zeroed before that step: a new sequence starts inside the
            batch.
        keep : bool, optional
            Keep what `backward` needs although `training` is False; default: as `training`, which
            always keeps.
        out : array, optional
            Written and returned as y: dtype and shape exactly those of y, C-contiguous and
            writable.

        Returns
        -------
        y : array [T, B, O], or [B, O] behind `LastStep`
        state : State, or DeviceState for one
            State after the last real step of each sequence.

        Raises
        ------
        ValueError
            For a wrong shape, a length outside [0, T] or an index outside the embedding.
        TypeError
            For a wrong dtype; nothing is cast.
        MemoryError
            If the workspace cannot be had; see `workspace_bytes`.

        Examples
        --------
        A sequence in two pieces gives what it gives in one:

        >>> import numpy as np
        >>> import indrnn_engine as ie
        >>> net = ie.Network([ie.nn.IndRNN(4)], input_size=2, dtype="float64")
        >>> x = np.random.default_rng(0).normal(size=(10, 3, 2))
        >>> whole, _ = net.forward(x)
        >>> first, state = net.forward(x[:6])
        >>> second, state = net.forward(x[6:], state)
        >>> np.allclose(whole, np.concatenate([first, second]))
        True
        """
        training = _checks.boolean("forward", "training", training)
        y, after = self._core.forward(
            x,
            core_of("forward", "state", state),
            lengths,
            training,
            training if keep is None else _checks.boolean("forward", "keep", keep),
            resets,
            out,
        )
        return y, of_any_core(after)

    def backward(
        self,
        dy: NDArray[Any],
        dstate: AnyState | None = None,
        *,
        input_gradient: bool = True,
    ) -> tuple[NDArray[Any] | None, AnyState]:
        """Gradients of the last `forward` that kept what they need; once per such forward.

        Parameters
        ----------
        dy : array
            Gradient of the loss with respect to y; dtype and shape as y.
        dstate : State or DeviceState, optional
            Gradient with respect to the state that the forward gave back; zero if left out. It is
            not changed.
        input_gradient : bool, default True
            Whether dx is wanted; leaving it out saves time.

        Returns
        -------
        dx : array [T, B, I] or None
            None for index inputs or without `input_gradient`.
        dstate : State, or DeviceState for one
            Gradient with respect to the state that was given to the forward.

        Raises
        ------
        ValueError
            For a wrong shape, or without a forward that kept what is needed.
        TypeError
            For a wrong dtype.

        Notes
        -----
        Gradients of the parameters are added into `gradients`; start a step with `zero_gradients`.
        """
        input_gradient = _checks.boolean("backward", "input_gradient", input_gradient)
        dx, before = self._core.backward(dy, core_of("backward", "dstate", dstate), input_gradient)
        return dx, of_any_core(before)

    def step(
        self, x: NDArray[Any], state: AnyState | None = None, *, out: NDArray[Any] | None = None
    ) -> tuple[NDArray[Any], AnyState]:
        """Run one time step of inference: streaming.

        Parameters
        ----------
        x : array [B, I] of the network's dtype, or int64 [B]
            Input of this step.
        state : State or DeviceState, optional
            Updated in place and returned; a new zero State if left out.
        out : array [B, O], optional
            Written and returned as y.

        Returns
        -------
        y : array [B, O]
        state : State, or DeviceState for one

        Raises
        ------
        ValueError, TypeError
            As for `forward`.

        Examples
        --------
        >>> import numpy as np
        >>> import indrnn_engine as ie
        >>> net = ie.Network([ie.nn.IndRNN(4)], input_size=2)
        >>> x = np.ones((5, 3, 2), np.float32)
        >>> state = net.initial_state(3)
        >>> for x_t in x:
        ...     y_t, state = net.step(x_t, state)
        >>> bool(np.allclose(y_t, net.forward(x)[0][-1]))
        True
        """
        y, after = self._core.step(x, core_of("step", "state", state), out)
        return y, of_any_core(after) if state is None else state

    def initial_state(self, batch: int) -> State:
        """Return a zero state for `batch` sequences."""
        return State._of(self._core.initial_state(_checks.integer("initial_state", "batch", batch)))

    def device_state(self, batch: int) -> DeviceState:
        """Return a zero state for `batch` sequences in the memory of the network's GPU."""
        batch = _checks.integer("device_state", "batch", batch)
        return DeviceState._of(CoreDeviceState(self._core, batch))

    def describe(self, time_steps: int, batch: int, training: bool = False) -> Summary:
        """Table of layers, shapes, parameters, cost per time step; see `summary.describe`."""
        return describe(self, time_steps, batch, training)

    # Files and copies

    def save(self, path: str | os.PathLike[str], metadata: Mapping[str, str] | None = None) -> None:
        """Write layers, parameters and buffers to one .safetensors file; see `files.save`."""
        from . import files

        files.save(self, path, metadata)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        device: str = "cpu",
        memory: str = "store",
        storage: str = "full",
    ) -> Self:
        """Read the network that `save` wrote; see `files.load`."""
        device = _cuda.check("load", device)
        return cls._of(CoreNetwork.load(os.fsencode(path), device, memory), storage)

    def to_bytes(self, metadata: Mapping[str, str] | None = None) -> bytes:
        """Return what `save` would write to a file; `from_bytes` reads it."""
        from . import files

        return files.to_bytes(self, metadata)

    @classmethod
    def from_bytes(
        cls,
        data: bytes | bytearray | memoryview,
        device: str = "cpu",
        memory: str = "store",
        storage: str = "full",
    ) -> Self:
        """Make the network that `to_bytes` or `save` wrote; errors as for `files.load`."""
        device = _cuda.check("Network", device)
        return cls._of(CoreNetwork.from_bytes(data, device, memory), storage)

    @classmethod
    def _of(cls, core: CoreNetwork, storage: str) -> Self:
        core.set_storage(_checks.text("Network", "storage", storage))
        network = cls.__new__(cls)
        network._core = core
        network._layers = tuple(_document.read(core.to_json())["layers"])
        _threadpoolctl.register()
        return network

    def copy(self) -> Self:
        """Return an independent network: equal in all but its gradients, which are zero.

        `copy.copy`, `copy.deepcopy` and pickle give the same. A copy of a subclass is one too, with
        the same attributes.
        """
        make, arguments, attributes = self.__reduce__()
        network: Self = make(*arguments)
        if attributes:
            vars(network).update(attributes)
        return network

    def __copy__(self) -> Self:
        return self.copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        network = memo[id(self)] = self.copy()
        if hasattr(network, "__dict__"):  # of a subclass
            vars(network).update(copy.deepcopy(vars(self), memo))
        return network

    def __reduce__(self) -> tuple[Any, tuple[Any, ...], dict[str, Any] | None]:
        arguments = (self.to_bytes(), self.device, self.memory, self.storage)
        return type(self).from_bytes, arguments, getattr(self, "__dict__", None)

    def __repr__(self) -> str:
        parts = [f"[{', '.join(map(repr, self._layers))}]"]
        if not self.takes_indices:
            parts.append(f"input_size={self.input_size}")
        parts += [f"dtype='{self.dtype}'", f"device='{self.device}'"]
        if self.memory != "store":
            parts.append(f"memory='{self.memory}'")
        if self.storage != "full":
            parts.append(f"storage='{self.storage}'")
        return f"Network({', '.join(parts)})"
