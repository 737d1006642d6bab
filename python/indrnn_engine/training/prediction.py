"""Trained models applied to new data: predictions for arrays, text from a character model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _checks
from ..data.mnist import permutation
from ..data.moments import check_fits
from ..data.ragged import as_dataset
from ..data.sequences import SequenceDataset, SequenceSource
from ..data.text import encode
from .run_folder import RunFolder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from ..network import Network

__all__ = ["find_model", "predict", "prepare", "sample"]

BATCH = 256


def find_model(path: Path, weights: str | None = None) -> Path:
    """Give the model file of a run folder, or the file itself.

    Parameters
    ----------
    path : Path
        Run folder or model file.
    weights : {"best", "last"}, optional
        Of a run folder; None: those that were tested.

    Raises
    ------
    ValueError, OSError
        Neither a run folder nor a file, or the run has no such model yet.
    """
    if weights not in (None, "best", "last"):
        raise ValueError(f"[model] weights must be best or last, got {weights!r}")
    if not path.exists():
        raise FileNotFoundError(f"[model] {path} must be an existing model file or run folder")
    if not path.is_dir():
        if weights is not None:
            raise ValueError(f"[model] weights can be chosen for a run folder only, got {path}")
        return path
    run = RunFolder.open(path)
    if weights is None:
        training = run.read_config().get("experiment", {}).get("training", {})
        last = training.get("final_model") == "last" or not run.best.is_file()
        weights = "last" if last else "best"
    model = run.best if weights == "best" else run.last
    if not model.is_file():
        raise FileNotFoundError(f"[model] {path} has no {weights} model yet")
    return model


def prepare(x: Any, lengths: Any, description: dict[str, Any]) -> SequenceDataset:
    """Check new sequences and bring them to the scale of the training data.

    Parameters
    ----------
    x, lengths : arrays
        As in `indrnn_engine.data.ragged.as_dataset`.
    description : dict
        Of the model, from `read_description`.

    Raises
    ------
    ValueError
        See `indrnn_engine.data.ragged.as_dataset`.
    """
    dataset = as_dataset(x, None, lengths)
    stored = description.get("data", {})
    values = dataset.x
    if stored.get("permuted"):
        order = permutation(int(description["time_steps"]))
        if values.shape[1] != len(order):
            raise ValueError(f"[predict] x must have T = {len(order)} steps, got {values.shape[1]}")
        values = values[:, order]
    if "input_mean" in stored:
        if values.shape[2] != len(stored["input_mean"]):
            raise ValueError(
                f"[predict] x must have F = {len(stored['input_mean'])} features, "
                f"got {values.shape[2]}"
            )
        values = (values - np.asarray(stored["input_mean"])) / np.asarray(stored["input_deviation"])
    return SequenceDataset(values, dataset.y, dataset.lengths, stored.get("input_scale", 1.0))


def predict(net: Network, dataset: SequenceDataset, description: dict[str, Any]) -> NDArray[Any]:
    """Run the network over all sequences.

    Parameters
    ----------
    net : Network
        With an output for each sequence.
    dataset : SequenceDataset
        From `prepare`.
    description : dict
        Of the model.

    Returns
    -------
    ndarray [N, O]
        Class probabilities, or targets in their original units.

    Raises
    ------
    ValueError
        The network gives an output for each step, takes other features, or its dtype does not
        hold the numbers.
    """
    if net.takes_indices:
        raise ValueError("[predict] this is a model of text; use: indrnn sample")
    if dataset.x.shape[2] != net.input_size:
        raise ValueError(
            f"[predict] x must have F = {net.input_size} features, got {dataset.x.shape[2]}"
        )
    check_fits("predict", "x", dataset.x, net.dtype, dataset.lengths)
    source = SequenceSource(dataset, BATCH, net.dtype)
    outputs = []
    for position in range(source.num_batches()):
        batch = source.batch(0, 0, position)
        output, _ = net.forward(batch.x, None, batch.lengths)
        if output.ndim != 2:
            raise ValueError("[predict] the network must end in one output for each sequence")
        outputs.append(output)
    values: NDArray[Any] = np.concatenate(outputs)
    if description.get("kind") == "regression":
        stored = description.get("data", {})
        if "target_mean" in stored:
            values = values * stored["target_deviation"] + np.asarray(stored["target_mean"])
        return values
    values = np.exp(values - values.max(axis=1, keepdims=True))
    values /= values.sum(axis=1, keepdims=True)
    return values


def sample(
    net: Network,
    vocabulary: str | list[str],
    length: int,
    *,
    prompt: str = "",
    temperature: float = 1.0,
    seed: int = 0,
) -> Iterator[str]:
    """Write text with a language model, symbol by symbol.

    Parameters
    ----------
    net : Network
    vocabulary : str or list of str
        Characters, or words.
    length : int
        Symbols to write.
    prompt : str, default ""
        Read first; empty: a line break or the end of a sentence, where the vocabulary has one.
    temperature : float, default 1.0
        Below 1: safer choices; 0: always the likeliest symbol.
    seed : int, default 0

    Returns
    -------
    iterator of str
        Over symbols, each computed when it is asked for.

    Raises
    ------
    ValueError
        A symbol of the prompt is unknown, the network does not fit the vocabulary, or a number is
        out of its range.
    """
    temperature = _checks.non_negative("sample", "temperature", temperature)
    length = _checks.at_least_one("sample", "length", length)
    seed = _checks.integer("sample", "seed", seed, 0, 2**64 - 1)
    if not net.takes_indices:
        raise ValueError("[sample] the model must be one of text")
    end = "\n" if isinstance(vocabulary, str) else "<eos>"
    start = prompt or (end if end in vocabulary else vocabulary[0])
    read = start if isinstance(vocabulary, str) else start.split()
    random = np.random.Generator(np.random.Philox(seed))
    return _write(net, vocabulary, encode(read, vocabulary), length, temperature, random)


def _write(
    net: Network,
    vocabulary: str | list[str],
    read: NDArray[np.int64],
    length: int,
    temperature: float,
    random: np.random.Generator,
) -> Iterator[str]:
    """Yield `length` symbols that follow those of `read`."""
    state = net.initial_state(1)
    logits: NDArray[Any] | None = None
    for symbol in read:
        logits, state = net.step(np.array([symbol], np.int64), state)
    for _ in range(length):
        assert logits is not None
        symbol = _choose(logits[0], temperature, random)
        yield vocabulary[symbol]
        logits, state = net.step(np.array([symbol], np.int64), state)


def _choose(logits: NDArray[Any], temperature: float, random: np.random.Generator) -> int:
    if temperature == 0.0:
        return int(logits.argmax())
    scaled = logits.astype(np.float64) / temperature
    weights = np.exp(scaled - scaled.max())
    return int(random.choice(len(weights), p=weights / weights.sum()))
