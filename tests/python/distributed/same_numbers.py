"""Trains small networks of every kind; run under mpiexec it writes what rank 0 has at the end."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

import indrnn_engine as ie
from indrnn_engine.data import Data, SequenceDataset, SequenceSource, StreamSource
from indrnn_engine.distributed import Ranks, find
from indrnn_engine.training import Trainer, TrainingConfig

STEPS = 50


def sequences(batch_size: int, *, ragged: bool) -> Data:
    """Three classes, the sign and size of a mean; 70 sequences, perhaps of differing lengths."""
    random = np.random.default_rng(5)
    x = random.normal(size=(70, 12, 2))
    lengths = random.integers(3, 13, 70) if ragged else None
    y = np.digitize(x[:, :3].mean(axis=(1, 2)), [-0.2, 0.2]).astype(np.int64)
    dataset = SequenceDataset(x, y, lengths)
    train = SequenceSource(dataset, batch_size, "float64", shuffle=True)
    test = SequenceSource(dataset, 9, "float64")
    return Data("sequences", "classification", 2, 3, 12, train, test, test)


def text(batch_size: int) -> Data:
    """Symbols whose streams carry their state on."""
    symbols = np.random.default_rng(6).integers(0, 5, 900)
    train = StreamSource(symbols, 10, batch_size, random_lengths=True)
    test = StreamSource(symbols[:200], 10, 3)
    return Data("text", "language", None, 5, 10, train, test, test)


def layers_of(kind: str, data: Data) -> list[Any]:
    shapes: dict[str, Any] = {"output_size": data.output_size, "time_steps": data.time_steps}
    if kind == "residual":
        return ie.architectures.residual(2, 8, dropout=0.2, **shapes)
    if kind == "dense":
        dropout = {"first_dropout": 0.2, "transition_dropout": 0.3}
        return ie.architectures.dense(3, blocks=(2, 1), num_first=2, **shapes, **dropout)
    layers = [ie.nn.Embedding(5, 6)] if kind == "text" else []
    norm = ie.nn.BatchNorm("step", time_steps=12) if kind == "step" else ie.nn.BatchNorm()
    layers += [ie.nn.IndRNN(8), norm, ie.nn.Dropout(0.2), ie.nn.IndRNN(8, zoneout=0.1), norm]
    return [
        *layers,
        *([] if kind == "text" else [ie.nn.LastStep()]),
        ie.nn.Linear(data.output_size),
    ]


CASES: dict[str, tuple[str, int, dict[str, Any]]] = {
    # kind of network, global batch, changes of the configuration
    "plain": ("plain", 12, {}),
    "residual": ("residual", 12, {"optimizer": "sgd", "clip_norm": 0.5}),
    "dense": ("dense", 12, {"weight_decay": 1e-3}),
    "step": ("step", 12, {}),
    "uneven, ragged": ("ragged", 7, {"clip_value": 0.01}),
    "fewer sequences than ranks": ("ragged", 3, {}),
    "state carried": ("text", 6, {}),
    "in pieces": ("ragged", 7, {"piece_steps": 5, "optimizer": "sgd"}),
    "statistics of batches": ("plain", 8, {"evaluation": "batch"}),
}


def train(case: str, ranks: Ranks, steps: int = STEPS) -> dict[str, Any]:
    """Weights, running statistics and test metrics after training."""
    kind, batch_size, changes = CASES[case]
    data = text(batch_size) if kind == "text" else sequences(batch_size, ragged=kind == "ragged")
    # Other weights on other ranks: those of rank 0 must be used.
    net = ie.Network(layers_of(kind, data), data.input_size, "float64", seed=3 + ranks.rank)
    settings = {"learning_rate": 1e-2, "max_steps": steps, "final_model": "last", **changes}
    trainer = Trainer(net, data, TrainingConfig(**settings), ranks=ranks)
    result = trainer.fit()
    assert result.test is not None
    assert result.best is not None
    found = {f"buffer {name}": np.array(view) for name, view in net.named_buffers().items()}
    found |= {f"test {name}": np.array(value) for name, value in result.test.items()}
    found |= {f"best {name}": np.array(value) for name, value in result.best.items()}
    return {**found, "parameters": np.array(net.parameters)}


def main(folder: Path) -> None:
    """Write a file for each case, and one with norms that are not joined."""
    ranks = find("on")
    CASES["apart"] = ("plain", 12, {"joined_norms": False})
    for case in CASES:
        found = train(case, ranks)
        if ranks.is_first:
            np.savez(folder / f"{case}.npz", **found)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
