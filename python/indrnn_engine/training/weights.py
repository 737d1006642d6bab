"""Training that starts from the weights of a model file."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from .. import files

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ..network import Network

__all__ = ["start_from"]


def start_from(net: Network, path: str | Path) -> None:
    """Give a network the parameters and buffers of a model file.

    They are matched in their order, so that layers without any, such as dropout, may differ or be
    missing; so may the dtype.

    Parameters
    ----------
    net : Network
        Written to, if all of it fits.
    path : str or Path
        Of a model file, such as the `best.safetensors` of a run.

    Raises
    ------
    ValueError
        The file holds no model, or one with other parameters or buffers; the first is named.
    OSError
        The file cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> import indrnn_engine as ie
    >>> from indrnn_engine.training.weights import start_from
    >>> layers = [ie.nn.IndRNN(4), ie.nn.Linear(2)]
    >>> trained = ie.Network(layers, input_size=1, seed=1)
    >>> net = ie.Network([layers[0], ie.nn.Dropout(0.5), layers[1]], input_size=1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     trained.save(f"{folder}/model.safetensors")
    ...     start_from(net, f"{folder}/model.safetensors")
    >>> bool((net.parameters == trained.parameters).all())
    True
    """
    found = files.load(path)
    theirs, ours = _arrays(found), _arrays(net)
    for given, wanted in zip_longest(theirs, ours):
        if _kind(given) != _kind(wanted):
            raise ValueError(
                f"[train] the model {path} does not fit the network: it has {_describe(given)} "
                f"where the network has {_describe(wanted)}"
            )
    for (_, source), (_, target) in zip(theirs, ours, strict=True):
        target[...] = source


def _arrays(net: Network) -> list[tuple[str, NDArray[Any]]]:
    return [*net.named_parameters().items(), *net.named_buffers().items()]


def _kind(entry: tuple[str, NDArray[Any]] | None) -> tuple[str, tuple[int, ...]] | None:
    """Give what must be equal: the name but for the layer's place, and the shape."""
    return None if entry is None else (entry[0].rpartition(".")[2], entry[1].shape)


def _describe(entry: tuple[str, NDArray[Any]] | None) -> str:
    return "nothing more" if entry is None else f"{entry[0]} {list(entry[1].shape)}"
