"""Do deep networks train? A 21-layer residual and an (8, 6, 4) dense network on the text of a file.

Run it with `python -m benchmarks.deep_networks TEXT`. Each network reads characters with its state
carried on, and every ten updates the loss and the size of the gradients at the first and the last
recurrent layer are kept: a network that is too deep to train shows gradients that vanish or grow
from the one to the other.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import indrnn_engine as ie


def networks(symbols: int, time_steps: int, width: int) -> dict[str, list[Any]]:
    """Both networks as specs; `width` neurons, or a growth rate of an eighth of that."""
    common: dict[str, Any] = {
        "time_steps": time_steps,
        "bound": 0.99,
        "batch_norm": "before",
        "num_embeddings": symbols,
        "embedding_size": width // 2,
        "last_step": False,
    }
    return {
        "residual, 21 recurrent layers": ie.architectures.residual(10, width, symbols, **common),
        "dense (8, 6, 4)": ie.architectures.dense(width // 8, symbols, **common),
    }


def train(layers: list[Any], data: Any, steps: int) -> dict[str, Any]:
    """Train for `steps` updates; give the curves of loss and gradients."""
    net = ie.Network(layers, seed=0)
    adam = ie.optim.Adam(net, lr=1e-3)
    gradients = net.named_gradients()
    recurrent = [name for name in gradients if name.endswith("weight_hh")]
    curve: list[dict[str, float]] = []
    state = None
    start = time.perf_counter()
    for step in range(steps):
        epoch, position = divmod(step, data.train.num_batches())
        batch = data.train.batch(0, epoch, position)
        logits, state = net.forward(batch.x, state if batch.carry else None, training=True)
        loss, dlogits = ie.losses.softmax_cross_entropy(logits, batch.y)
        net.zero_gradients()
        net.backward(dlogits)
        if not np.isfinite(net.gradients).all():
            raise FloatingPointError(f"a gradient is not finite at step {step}")
        if step % 10 == 0 or step == steps - 1:
            first, last = (float(np.abs(gradients[recurrent[at]]).mean()) for at in (0, -1))
            curve.append({"step": step, "loss": loss, "first": first, "last": last})
        ie.optim.clip_gradients(net, value=10.0)
        adam.step()
        ie.optim.constrain_recurrent(net, 0.99)
    return {
        "recurrent_layers": len(recurrent),
        "parameters": net.num_parameters,
        "seconds": time.perf_counter() - start,
        "curve": curve,
    }


def main() -> None:
    """Train both networks and print a table; `--json FILE` keeps the curves."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("text", type=Path)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--time-steps", type=int, default=50)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()

    data = ie.data.text.load(
        path=arguments.text, time_steps=arguments.time_steps, batch_size=arguments.batch_size
    )
    view = Table(
        title=f"{arguments.steps} updates, T {arguments.time_steps}, B {arguments.batch_size}"
    )
    for column in (
        "network",
        "parameters",
        "loss (nats)",
        "|du| first layer",
        "|du| last layer",
        "s",
    ):
        view.add_column(column, justify="left" if column == "network" else "right")
    results = {}
    made = networks(data.output_size, arguments.time_steps, arguments.width)
    for name, layers in made.items():
        results[name] = result = train(layers, data, arguments.steps)
        begin, end = result["curve"][0], result["curve"][-1]
        view.add_row(
            name,
            f"{result['parameters']:,}",
            f"{begin['loss']:.2f} → {end['loss']:.2f}",
            f"{begin['first']:.1e} → {end['first']:.1e}",
            f"{begin['last']:.1e} → {end['last']:.1e}",
            f"{result['seconds']:.0f}",
        )
    Console().print(view)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
