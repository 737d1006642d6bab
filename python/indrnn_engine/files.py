"""Networks in files: one .safetensors file holds layers, parameters and buffers.

The format is described in docs/model-file.md; C++ reads and writes the same bytes.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path

from . import _checks, _core
from .network import Network

__all__ = ["load", "read_metadata", "save", "to_bytes", "write_atomically"]


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
    write_atomically(path, to_bytes(network, metadata))


def to_bytes(network: Network, metadata: Mapping[str, str] | None = None) -> bytes:
    """Return the bytes that `save` writes; errors for `metadata` as there."""
    if metadata is not None and not isinstance(metadata, Mapping):
        raise TypeError(f"[save] metadata must map str to str, got {_checks.got(metadata)}")
    texts = dict(metadata or {})
    for key, value in texts.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise TypeError(f"[save] metadata must map str to str, got {key!r}: {value!r}")
    return network._core.to_bytes(texts)


def load(
    path: str | os.PathLike[str],
    device: str = "cpu",
    memory: str = "store",
    storage: str = "full",
) -> Network:
    """Read the network that `save` wrote.

    Parameters
    ----------
    path : path
        Of the file.
    device : str, default "cpu"
        Where the network is made.
    memory : str, default "store"
    storage : str, default "full"
        As for `Network`: they are chosen anew each time, and not a part of the file.

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
    return Network.load(path, device, memory, storage)


def read_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """Read all metadata of a file that `save` wrote: the format's own and the user's.

    Raises
    ------
    ValueError
        If it is no such file.
    """
    return _core.read_metadata(os.fsencode(path))


def write_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file so that the path always holds the old content or the new one, whole.

    The data goes to a temporary file beside it, is flushed to the disk and then renamed, so
    that this holds through a crash or a power loss. A file that is there keeps its permissions;
    a device or a pipe is refused and stays what it is.

    Raises
    ------
    ValueError
        If the path is empty.
    OSError
        If it cannot be written, or is there and no regular file, with `path` as its `filename`;
        what was there before is untouched and the temporary file is gone.
    """
    if not os.fspath(path):
        raise ValueError(f"[save] path must name a file, got {os.fspath(path)!r}")
    target = Path(os.fsdecode(path)).resolve()  # through a link to the file it points to
    mode = _mode_of_file(target, path)
    # Of a long name only the beginning, as names have at most 255 bytes.
    temporary = target.with_name(f".{target.name[:50]}.{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("xb") as file:
            if mode not in (None, stat.S_IMODE(temporary.stat().st_mode)):
                temporary.chmod(mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None:
            # Of the caller's path: the temporary file's name would tell nobody anything.
            raise OSError(error.errno, error.strerror, os.fspath(path)) from error
        raise
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _mode_of_file(target: Path, path: str | os.PathLike[str]) -> int | None:
    """Permissions of a file that is there, which `path` names; None where there is none."""
    if not target.exists() or target.is_dir():
        return None  # what is wrong with it, writing says
    mode = target.stat().st_mode
    if not stat.S_ISREG(mode):
        raise OSError(f"[save] {os.fspath(path)!r} must be a regular file or a new one")
    return stat.S_IMODE(mode)
