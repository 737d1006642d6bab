"""A user's own loop, as docs/distributed.md has it; rank 0 writes the weights."""

from __future__ import annotations

import sys

import numpy as np

import indrnn_engine as ie


def main(file: str) -> None:
    """Train, and write the weights and losses."""
    layers = [
        ie.nn.IndRNN(8),
        ie.nn.BatchNorm(),
        ie.nn.Dropout(0.2),
        ie.nn.LastStep(),
        ie.nn.Linear(1),
    ]
    net = ie.Network(layers, input_size=2, dtype="float64")
    ranks = ie.distributed.start(net, "on")
    adam = ie.optim.Adam(net, lr=1e-2)
    x = np.random.default_rng(0).normal(size=(12, 7, 2))
    target = x[..., 0].mean(axis=0)[:, None]
    losses = []
    for _ in range(30):
        x_mine, target_mine = ranks.share(x, axis=1), ranks.share(target)
        y, _ = net.forward(x_mine, training=True)
        loss, dy = ranks.weigh(*ie.losses.mean_squared_error(y, target_mine))
        net.zero_gradients()
        net.backward(dy)
        ranks.sum_gradients(net)
        adam.step()
        losses.append(loss)
    if ranks.is_first:
        np.save(file, np.concatenate([net.parameters, losses]))


if __name__ == "__main__":
    main(sys.argv[1])
