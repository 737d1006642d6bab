"""State dictionaries of the authors' released PyTorch networks, there and back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import nn
from ..network import Network
from .inference import infer_layers
from .matching import Entry, match_layers

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from numpy.typing import DTypeLike, NDArray

    from .structure import Structure

__all__ = ["from_indrnn_pytorch", "to_indrnn_pytorch"]

FROM, TO = "from_indrnn_pytorch", "to_indrnn_pytorch"
PREFIX = "module."  # of networks that were trained on several devices
LISTED = 20  # names in a message

# Recurrences that were run without CUDA keep their weights one level deeper, and a zero state.
CELL = r"\.(?:cells\.0|indrnn_cell)\.weight_hh$"
ZERO_STATE = r"(?:RNNs\.\d+|\.indrnn1)\.h0$"

FIRST_DIFFERENCE = (
    "the authors' first difference is the first step itself, that of TimeDifference is 0, so that "
    "its numbers are others unless a state says that a step of zeros lies before"
)


def from_indrnn_pytorch(
    state_dict: Mapping[str, Any] | str | os.PathLike[str],
    batch_norm: str = "after",
    dtype: DTypeLike = "float32",
    *,
    zero_first_difference: bool = False,
) -> Network:
    """Make a network of a state_dict of the authors' plain, residual or dense networks.

    Kind and sizes follow from names and shapes. The network gives the same outputs, states and
    gradients; it has no dropout layers, and a classifier reads the last step. What a state_dict
    cannot tell is the activation, taken as ReLU, and the place of a classifier's batch norms.

    Parameters
    ----------
    state_dict : mapping, or path of a .pt file
        Name -> array (NumPy arrays, or tensors of PyTorch). A prefix "module." that all names have
        is dropped, and "num_batches_tracked" ignored. A file is read with PyTorch; a checkpoint
        that holds the state_dict under "state_dict" will do.
    batch_norm : {"after", "before"}, default "after"
        Place of the batch norms of a classifier, with respect to the recurrence. Language models
        tell by themselves: only those with batch norm "before" have an extra one. Plain networks
        with the names of 2018 (BNs.0.bn.weight) have it "after".
    dtype : str or dtype, default "float32"
        Of the network.
    zero_first_difference : bool, default False
        Read networks with time differences, too. Theirs is x_0 at the first step, that of
        `nn.TimeDifference` 0: the same numbers come only from a state that says that a step of
        zeros lies before (see the guide, The authors' checkpoints).

    Returns
    -------
    Network
        `to_indrnn_pytorch` gives the state_dict back, under the names of today.

    Raises
    ------
    ValueError
        Names of no such network; names that are missing or left over, wrong shapes, a decoder that
        is not tied to its encoder, listed in one message; or time differences without
        `zero_first_difference`.
    TypeError
        `state_dict` is no mapping, or an array is not of floating-point numbers.
    ImportError
        A file, and PyTorch is not installed.

    Examples
    --------
    >>> import indrnn_engine as ie
    >>> layers = ie.architectures.residual(2, 8, 10, time_steps=20)
    >>> net = ie.Network(layers, input_size=3)
    >>> state_dict = ie.convert.to_indrnn_pytorch(net)
    >>> list(state_dict)[2]
    'features.resblock1.IndRNNwithBN1.indrnn1.weight_hh'
    >>> again = ie.convert.from_indrnn_pytorch(state_dict)
    >>> bool((again.parameters == net.parameters).all())
    True
    """
    if batch_norm not in ("after", "before"):
        raise ValueError(f'[{FROM}] batch_norm must be "after" or "before", got {batch_norm!r}')
    arrays = _read(state_dict)
    shapes = {name: array.shape for name, array in arrays.items()}
    structure, layers, input_size = infer_layers(shapes, batch_norm)
    matched = match_layers(layers, input_size)
    if matched is None:
        raise ValueError(f"[{FROM}] state_dict must have all layers of a {structure}")
    entries = [replace(e, released=structure.released(e.released)) for e in matched[1]]
    _check(structure, entries, arrays)
    if structure.differences and not zero_first_difference:
        raise ValueError(
            f"[{FROM}] state_dict must not be of a {structure}: {FIRST_DIFFERENCE}; read it with "
            "zero_first_difference=True"
        )
    network = Network(layers, input_size=input_size, dtype=dtype)
    own = {**network.named_parameters(), **network.named_buffers()}
    for entry in entries:
        own[entry.engine][...] = arrays[entry.released]
    return network


def to_indrnn_pytorch(
    network: Network, values: str = "parameters", *, zero_first_difference: bool = False
) -> dict[str, NDArray[Any]]:
    """Give a network's arrays under the names of the authors' released code.

    Parameters
    ----------
    network : Network
        One that `from_indrnn_pytorch` made, or of `architectures`; dropouts are passed over.
    values : {"parameters", "gradients"}, default "parameters"
        "parameters": parameters and running statistics, a state_dict. "gradients": the gradients,
        under the names of their parameters.
    zero_first_difference : bool, default False
        Give networks with `time_difference="every"`, too, whose first step has another difference
        in the authors' code.

    Returns
    -------
    dict of str to array
        Copies, in the order of the authors' state_dict. A tied decoder's weight is there twice:
        as encoder.weight and as decoder.weight, with the gradient of both uses in each.

    Raises
    ------
    ValueError
        The authors' code has no such network; or it has time differences, without
        `zero_first_difference`.

    Examples
    --------
    >>> import indrnn_engine as ie
    >>> net = ie.Network(ie.architectures.plain(1, 4, 2, time_steps=9), input_size=3)
    >>> {name: array.shape for name, array in ie.convert.to_indrnn_pytorch(net).items()}
    {'DIs.0.fc.weight': (4, 3), 'DIs.0.fc.bias': (4,), 'RNNs.0.indrnn1.weight_hh': (4,),
     'RNNs.0.norm1.bn.weight': (4,), 'RNNs.0.norm1.bn.bias': (4,),
     'RNNs.0.norm1.bn.running_mean': (4,), 'RNNs.0.norm1.bn.running_var': (4,),
     'classifier.weight': (2, 4), 'classifier.bias': (2,)}
    """
    if values not in ("parameters", "gradients"):
        raise ValueError(f'[{TO}] values must be "parameters" or "gradients", got {values!r}')
    matched = match_layers(network.layers, network.input_size)
    if matched is None:
        joined = ' without time differences or with time_difference="every"'
        raise ValueError(
            f"[{TO}] network must be a plain, residual or dense network of the authors, as "
            "indrnn_engine.architectures makes them: a classifier of the last step or a language "
            f"model with a tied decoder{joined if _has_difference(network.layers) else ''}, "
            f"got {network!r}"
        )
    if matched[0].differences and not zero_first_difference:
        raise ValueError(
            f"[{TO}] network must not be a {matched[0]}: {FIRST_DIFFERENCE}; give it with "
            "zero_first_difference=True"
        )
    if values == "gradients":
        own = network.named_gradients()
        return {e.released: np.array(own[e.engine]) for e in matched[1] if not e.buffer}
    own = {**network.named_parameters(), **network.named_buffers()}
    return {entry.released: np.array(own[entry.engine]) for entry in matched[1]}


def _has_difference(layers: Sequence[nn.Layer]) -> bool:
    return any(
        isinstance(layer, nn.TimeDifference)
        or (isinstance(layer, nn.Container) and _has_difference(layer.layers))
        for layer in layers
    )


def _read(source: Mapping[str, Any] | str | os.PathLike[str]) -> dict[str, NDArray[Any]]:
    """Read all arrays by name, without what does not matter."""
    if not isinstance(source, Mapping):
        try:
            path = Path(source)
        except TypeError:
            raise TypeError(
                f"[{FROM}] state_dict must be a mapping of names to arrays, or the path of a file, "
                f"got {type(source).__name__}"
            ) from None
        source = _load(path)
    for name in source:
        if not isinstance(name, str):
            raise TypeError(f"[{FROM}] state_dict must have names that are str, got {name!r}")
    inner = source.get("state_dict")
    if isinstance(inner, Mapping):
        source = inner
    names = [name for name in source if name.split(".")[-1] != "num_batches_tracked"]
    start = len(PREFIX) if names and all(name.startswith(PREFIX) for name in names) else 0
    arrays = {
        re.sub(CELL, ".weight_hh", name[start:]): _array(name, source[name]) for name in names
    }
    return {
        name: array
        for name, array in arrays.items()
        if array.any() or not re.search(ZERO_STATE, name)
    }


def _load(path: Path) -> Mapping[str, Any]:
    try:
        import torch
    except ImportError as error:
        raise ImportError(
            f"[{FROM}] a file is read with PyTorch, which is not installed; run: pip install torch"
        ) from error
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # whatever a damaged file makes of the unpickler
        raise ValueError(f"[{FROM}] {path} cannot be read: {error}") from error
    if not isinstance(content, Mapping):
        raise TypeError(f"[{FROM}] {path} must hold a state_dict, got {type(content).__name__}")
    return content


def _array(name: str, value: Any) -> NDArray[Any]:
    """Make an array of what may be a tensor."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        if str(value.dtype) == "torch.bfloat16":  # NumPy has no such type
            value = value.float()
        value = value.numpy()
    array = np.asarray(value)
    if not np.issubdtype(array.dtype, np.floating):
        raise TypeError(f"[{FROM}] {name} must hold floating-point numbers, got {array.dtype}")
    return array


def _check(structure: Structure, entries: list[Entry], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Check that the arrays are those of the network, each of its shape."""
    expected = {entry.released: entry.shape for entry in entries}
    problems = []
    missing = [name for name in expected if name not in arrays]
    if missing:
        problems.append(f"missing: {_listed(missing)}")
    left_over = [name for name in arrays if name not in expected]
    if left_over:
        problems.append(f"left over: {_listed(left_over)}")
    wrong = [
        f"{name} must have shape {list(shape)}, got {list(arrays[name].shape)}"
        for name, shape in expected.items()
        if name in arrays and arrays[name].shape != shape
    ]
    if wrong:
        problems.append(f"wrong shapes: {_listed(wrong)}")
    if not problems and structure.language_model:
        encoder, decoder = arrays["encoder.weight"], arrays["decoder.weight"]
        if not np.array_equal(encoder, decoder, equal_nan=True):
            problems.append("decoder.weight must equal encoder.weight: the decoder is tied")
    if problems:
        raise ValueError(f"[{FROM}] state_dict does not fit a {structure}: {'; '.join(problems)}")


def _listed(names: list[str]) -> str:
    more = f", and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more
