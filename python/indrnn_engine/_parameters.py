"""What training changes in a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import _checks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ._core import Network as CoreNetwork


class Parameters:
    """The parameters of `Network`, their gradients, the buffers, and the random state."""

    __slots__ = ()
    _core: CoreNetwork

    @property
    def num_parameters(self) -> int:
        """How many numbers `parameters` holds."""
        return int(self._core.parameters.size)

    @property
    def parameters(self) -> NDArray[Any]:
        """All parameters: a flat view, writes go through; it keeps the network's memory alive."""
        return self._core.parameters

    @property
    def gradients(self) -> NDArray[Any]:
        """All gradients: a flat view, in the order of `parameters`."""
        return self._core.gradients

    def named_parameters(self) -> dict[str, NDArray[Any]]:
        """Return views into `parameters` by name, such as "0.weight", in their order there.

        Examples
        --------
        >>> import indrnn_engine as ie
        >>> net = ie.Network([ie.nn.IndRNN(8), ie.nn.Linear(2)], input_size=3)
        >>> {name: view.shape for name, view in net.named_parameters().items()}
        {'0.weight': (8, 3), '0.bias': (8,), '0.weight_hh': (8,), '1.weight': (2, 8), '1.bias':
        (2,)}
        >>> net.named_parameters()["1.bias"][:] = 0.5
        """
        return self._core.named_parameters()

    def named_gradients(self) -> dict[str, NDArray[Any]]:
        """Return views into `gradients` by the names of their parameters."""
        return self._core.named_gradients()

    def named_buffers(self) -> dict[str, NDArray[Any]]:
        """Return views of the running statistics by name, such as "1.running_mean"."""
        return self._core.named_buffers()

    def zero_gradients(self) -> None:
        """Set all gradients to zero."""
        self._core.zero_gradients()

    @property
    def random_state(self) -> tuple[int, int]:
        """Seed and number of training forwards so far, all that dropout draws from; may be set."""
        seed, forwards = self._core.random_state
        return seed, forwards

    @random_state.setter
    def random_state(self, value: tuple[int, int]) -> None:
        try:
            seed, forwards = value
        except (TypeError, ValueError):
            raise TypeError(
                f"[Network] random_state must be (seed, forwards), got {value!r}"
            ) from None
        self._core.set_random_state(
            _checks.integer("Network", "seed", seed, 0, 2**64 - 1),
            _checks.integer("Network", "forwards", forwards, 0, 2**64 - 1),
        )
