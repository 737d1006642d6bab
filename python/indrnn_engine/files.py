"""Networks in files: one .safetensors file holds layers, parameters and buffers.

Format, version 1. Tensors: every parameter and buffer under its name ("0.weight", "1.running_mean",
...), float32 or float64 as the network is. Metadata, all text: "format" is "indrnn_engine",
"format_version" is "1", "network" is the JSON of `Network.to_json`, "random_state" is
"seed,forwards"; other keys are the user's own.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

import safetensors
import safetensors.numpy

from . import _document, _sizes
from .network import Network

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["load", "read_metadata", "save", "write_atomically"]

_FORMAT = "indrnn_engine"
_VERSION = "1"
_RESERVED = ("format", "format_version", "network", "random_state")
_TENSOR_TYPES = {"float32": "F32", "float64": "F64"}


def save(
    network: Network,
    path: str | os.PathLike[str],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a network to a file, atomically; see `write_atomically`.

    Parameters
    ----------
    network : Network
        Its layers, parameters, buffers and random state are written.
    path : path
        Of the file, usually ending in .safetensors.
    metadata : mapping of str to str, optional
        More to remember in the file; `read_metadata` gives it back.

    Raises
    ------
    ValueError, TypeError
        For metadata that is not text, or uses one of the format's own keys.
    OSError
        If the file cannot be written; what was there before is untouched.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> import indrnn_engine as ie
    >>> net = ie.Network([ie.nn.IndRNN(8), ie.nn.BatchNorm()], input_size=2, seed=7)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.safetensors")
    ...     net.save(path, metadata={"trained_on": "nothing yet"})
    ...     loaded = ie.Network.load(path)
    ...     ie.files.read_metadata(path)["trained_on"]
    'nothing yet'
    >>> loaded.layers == net.layers, np.array_equal(loaded.parameters, net.parameters)
    (True, True)
    """
    texts = _user_metadata(metadata)
    seed, forwards = network.random_state
    texts.update(
        format=_FORMAT,
        format_version=_VERSION,
        network=network.to_json(),
        random_state=f"{seed},{forwards}",
    )
    tensors = {**network.named_parameters(), **network.named_buffers()}
    write_atomically(path, safetensors.numpy.save(tensors, metadata=texts))


def load(path: str | os.PathLike[str], device: str = "cpu", memory: str = "store") -> Network:
    """Read the network that `save` wrote.

    Parameters
    ----------
    path : path
        Of the file.
    device : str, default "cpu"
        Where the network is made.
    memory : str, default "store"
        As for `Network`: it is chosen anew each time, and not a part of the file.

    Returns
    -------
    Network
        With zero gradients.

    Raises
    ------
    ValueError
        If the file is truncated, damaged or of another format, or if tensors are missing, left over
        or of the wrong shape or dtype (named); the message starts with the path.
    OSError
        If there is no such file or it cannot be read.
    """
    with _opened(path) as (file, metadata):
        network = _network(file, metadata, device, memory)
        for name, view in {**network.named_parameters(), **network.named_buffers()}.items():
            view[...] = file.get_tensor(name)
    return network


def read_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """Read all metadata of a file that `save` wrote: the format's own and the user's.

    Raises
    ------
    ValueError
        If it is no such file.
    """
    with _opened(path) as (_, metadata):
        return metadata


def write_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file so that the path always holds the old content or the new one, whole.

    The data goes to a temporary file beside it, is flushed to the disk and then renamed, so
    that this holds through a crash or a power loss.

    Raises
    ------
    OSError
        If it cannot be written; what was there before is untouched and the temporary file is gone.
    """
    target = Path(path).resolve()  # through a link to the file it points to
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _user_metadata(metadata: Mapping[str, str] | None) -> dict[str, str]:
    texts: dict[str, str] = {}
    for key, value in (metadata or {}).items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise TypeError(f"[save] metadata must map str to str, got {key!r}: {value!r}")
        if key in _RESERVED:
            raise ValueError(f"[save] metadata key {key!r} is the format's own")
        texts[key] = value
    return texts


@contextlib.contextmanager
def _opened(path: str | os.PathLike[str]) -> Iterator[tuple[Any, dict[str, str]]]:
    """Open a file; whatever is wrong with it becomes a ValueError that starts with the path."""
    location = Path(path)
    with location.open(
        "rb"
    ):  # no such file, a folder, no permission: the usual OSError, with the path
        pass
    try:
        with safetensors.safe_open(location, framework="numpy") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != _FORMAT:
                raise ValueError("it is not a network saved by indrnn_engine")
            if metadata.get("format_version") != _VERSION:
                version = metadata.get("format_version")
                raise ValueError(
                    f"its format version is {version!r}; this release reads version {_VERSION!r}"
                )
            yield file, metadata
    except safetensors.SafetensorError as error:
        raise ValueError(f"[load] {location}: not a valid safetensors file: {error}") from error
    except (ValueError, TypeError) as error:
        raise ValueError(f"[load] {location}: {error}") from error


def _network(file: Any, metadata: dict[str, str], device: str, memory: str) -> Network:
    """Make the network of the file's layers, for which it has all tensors and no others."""
    if "network" not in metadata:
        raise ValueError("its metadata has no 'network'")
    document = _document.read(metadata["network"])
    shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    _sizes.check(document["layers"], document.get("input_size"), shapes)
    network = Network.from_json(metadata["network"], device, memory=memory)

    expected = {**network.named_parameters(), **network.named_buffers()}
    missing = [name for name in expected if name not in shapes]
    extra = [name for name in shapes if name not in expected]
    if missing:
        raise ValueError(f"tensors are missing: {', '.join(missing)}")
    if extra:
        raise ValueError(f"it has tensors that its layers do not have: {', '.join(extra)}")
    wanted = _TENSOR_TYPES[network.dtype.name]
    for name, view in expected.items():
        if shapes[name] != view.shape:
            raise ValueError(f"{name} must have shape {list(view.shape)}, got {list(shapes[name])}")
        dtype = file.get_slice(name).get_dtype()
        if dtype != wanted:
            raise ValueError(f"{name} must be {wanted}, got {dtype}")
    network.random_state = _random_state(metadata)
    return network


def _random_state(metadata: Mapping[str, str]) -> tuple[int, int]:
    text = metadata.get("random_state", "0,0")
    seed, _, forwards = text.partition(",")
    if not (seed.isdecimal() and forwards.isdecimal() and len(text) <= 42):
        raise ValueError(f"its random state must be two numbers, got {text[:80]!r}")
    return int(seed), int(forwards)
