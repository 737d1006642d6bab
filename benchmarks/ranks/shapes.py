"""Random data of the shapes that recipes are trained on: times do not depend on the values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from indrnn_engine.data import Data, SequenceDataset, SequenceSource, StreamSource

if TYPE_CHECKING:
    from indrnn_engine.training import Experiment

# Inputs, outputs and steps where the recipe does not say.
SEQUENCES = {"adding": (2, 1, 100), "mnist": (1, 10, 784), "skeleton": (150, 60, 20)}
SYMBOLS = {"char": 50, "word": 10_000}
BOTH = 1794  # distances, beside the joints


def data_for(experiment: Experiment, batch_size: int) -> Data:
    """Data of which the training split has one batch of that size."""
    options: dict[str, Any] = experiment.data
    if experiment.source in ("ptb", "text"):
        symbols = SYMBOLS[options.get("level", "char")]
        steps = int(options.get("time_steps", 50))
        text = np.arange(batch_size * (steps + 1) + 1) * 7 % symbols
        source = StreamSource(text, steps, batch_size)
        return Data(experiment.source, "language", None, symbols, steps, source)
    inputs, outputs, steps = SEQUENCES[experiment.source]
    steps = int(options.get("time_steps", steps))
    if options.get("features") == "both":
        inputs += BOTH
    random = np.random.default_rng(0)
    x = random.random((batch_size, steps, inputs), np.float32)
    y: Any = random.integers(0, outputs, batch_size)
    kind = "classification"
    if experiment.source == "adding":
        y, kind = random.random((batch_size, 1), np.float32), "regression"
    source_of = SequenceSource(SequenceDataset(x, y), batch_size)
    return Data(experiment.source, kind, inputs, outputs, steps, source_of)
