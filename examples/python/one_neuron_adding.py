"""The adding problem with a single neuron in the second layer.

A network of two recurrent layers learns to add two marked numbers of a long sequence. Then its
second layer is cut to one neuron, the one with the longest memory among those of use, and only the
head, a factor and an offset, is trained again: first-layer neurons look at a step or two, and one
neuron that remembers is enough to add (Li et al., CVPR 2018, section 5.1.1).

    python examples/python/one_neuron_adding.py --time-steps 100 --output one-neuron
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import indrnn_engine as ie

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from indrnn_engine.data.batches import Batch

# Places of the layers: Linear, Recurrence, Linear, Recurrence, Dropout, LastStep, Linear.
SECOND_LAYER, LAST_STEP, HEAD = 3, 5, 6
OF_USE = 0.1  # share of the largest contribution to the answer


def main() -> None:
    """Train, cut, train the head again; print errors and write pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--time-steps", type=int, default=100, help="length of the sequences")
    parser.add_argument("--hidden-size", type=int, default=128, help="neurons of each layer")
    parser.add_argument("--steps", type=int, default=6000, help="training steps of the network")
    parser.add_argument("--head-steps", type=int, default=2000, help="training steps of the head")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("one-neuron"), help="folder")
    parser.add_argument("--smoke", action="store_true", help="a small size that ends in seconds")
    options = parser.parse_args()
    if options.smoke:
        options.time_steps, options.hidden_size = 20, 16
        options.steps, options.head_steps = 300, 200
    options.output.mkdir(parents=True, exist_ok=True)

    data = ie.data.adding.load(time_steps=options.time_steps)
    test = [data.test.batch(options.seed, 0, position) for position in range(20)]
    print(f"T = {options.time_steps}; always answering 1 gives a mean squared error of 0.167")

    start = time.perf_counter()
    whole = train(data, options)
    errors = {"whole": error(whole, test)}
    print(f"whole network, {options.hidden_size} neurons in layer 2: {errors['whole']:.5f}")
    neuron = longest_memory_of_use(whole, test[0].x)
    u = ie.analysis.recurrent_weights(whole)[str(SECOND_LAYER)][neuron]
    left = abs(u) ** options.time_steps
    print(f"kept: neuron {neuron}, u = {u:.6f}: u^T = {left:.3f} of a state is left at the end")

    small = ie.analysis.keep_neurons(whole, SECOND_LAYER, [neuron])
    errors["cut"] = error(small, test)
    print(f"one neuron, head as it was: {errors['cut']:.5f}")
    retrain_head(small, data, options)
    errors["mse"] = error(small, test)
    print(f"one neuron, head trained again: {errors['mse']:.5f}")
    seconds = time.perf_counter() - start

    small.save(options.output / "one_neuron.safetensors")
    draw(whole, small, test[0].x[:, :1], options.output)
    write(errors, {"neuron": neuron, "u": float(u), "seconds": round(seconds, 1)}, options)
    print(f"pictures and the network are in {options.output}")


def train(data: ie.data.Data, options: argparse.Namespace) -> ie.Network:
    """Train the whole network; the dropout makes each neuron of use by itself."""
    layers = ie.architectures.plain(
        2, options.hidden_size, 1, time_steps=options.time_steps, magnitude=2.0, batch_norm=None
    )
    layers.insert(SECOND_LAYER + 1, ie.nn.Dropout(0.5))
    net = ie.Network(layers, input_size=2, seed=options.seed)
    bound = ie.architectures.recurrent_bound(options.time_steps, magnitude=2.0)
    schedule = ie.optim.schedules.Cosine(2e-3, options.steps)
    adam = ie.optim.Adam(net, weight_decay=1e-3)
    for step in range(options.steps):
        batch = data.train.batch(options.seed, 0, step)
        net.zero_gradients()
        y, _ = net.forward(batch.x, training=True)
        _, dy = ie.losses.mean_squared_error(y, batch.y)
        net.backward(dy, input_gradient=False)
        ie.optim.clip_gradients(net, value=10.0)
        adam.lr = schedule(step)
        adam.step()
        ie.optim.constrain_recurrent(net, bound)
    return net


def longest_memory_of_use(net: ie.Network, x: NDArray[np.float32]) -> int:
    """Find the neuron of the second layer with the longest memory that the head listens to."""
    last, _ = ie.analysis.truncate(net, LAST_STEP).forward(x)
    contribution = np.abs(net.named_parameters()[f"{HEAD}.weight"][0]) * last.std(axis=0)
    ranking = ie.analysis.memory_ranking(net, SECOND_LAYER)
    of_use = contribution[ranking] >= OF_USE * contribution.max()
    return int(ranking[of_use][0])


def retrain_head(net: ie.Network, data: ie.data.Data, options: argparse.Namespace) -> None:
    """Train the last Linear alone, on what the layers before it give."""
    before = ie.analysis.truncate(net, LAST_STEP)
    batches = [data.train.batch(options.seed, 1, position) for position in range(100)]
    features = [before.forward(batch.x)[0] for batch in batches]
    scale = np.std(np.concatenate(features))
    head = ie.Network([ie.nn.Linear(1)], input_size=1, seed=options.seed)
    schedule = ie.optim.schedules.Cosine(0.05, options.head_steps)
    adam = ie.optim.Adam(head)
    for step in range(options.head_steps):
        at = step % len(batches)
        head.zero_gradients()
        y, _ = head.forward(features[at][None] / scale, training=True)
        _, dy = ie.losses.mean_squared_error(y, batches[at].y[None])
        head.backward(dy, input_gradient=False)
        adam.lr = schedule(step)
        adam.step()
    learned, own = head.named_parameters(), net.named_parameters()
    own[f"{HEAD}.weight"][...] = learned["0.weight"] / scale
    own[f"{HEAD}.bias"][...] = learned["0.bias"]


def error(net: ie.Network, batches: list[Batch]) -> float:
    """Mean squared error over batches."""
    return float(np.mean([np.mean((net.forward(b.x)[0] - b.y) ** 2) for b in batches]))


def write(errors: dict[str, float], found: dict[str, float], options: argparse.Namespace) -> None:
    """Write what was found as JSON, beside the command that finds it again."""
    command = f"python examples/python/one_neuron_adding.py --time-steps {options.time_steps}"
    test = {name: float(f"{value:.5g}") for name, value in errors.items()}
    record = {"command": command, "result": {**found, "test": test}, "seed": options.seed}
    path = options.output / "one_neuron.json"
    path.write_text(json.dumps(record) + "\n")


def draw(whole: ie.Network, small: ie.Network, x: NDArray[np.float32], folder: Path) -> None:
    """Draw the recurrent weights of the network, and what one sequence makes of the neurons."""
    figure = ie.analysis.plot_recurrent_weights(whole)
    figure.savefig(folder / "recurrent_weights.png", dpi=130)
    marked = ", ".join(str(step) for step in np.flatnonzero(x[:, 0, 1]))
    figure = ie.analysis.plot_activations(
        ie.analysis.record(small, x), title=f"the numbers of steps {marked} are added"
    )
    figure.savefig(folder / "activations.png", dpi=130)


if __name__ == "__main__":
    main()
