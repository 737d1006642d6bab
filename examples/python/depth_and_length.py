"""Two studies: how accuracy follows depth, and how the error follows the length of sequences.

Depth: digits read pixel by pixel, with plain networks (without and with batch norm) and residual
ones of 2 to 21 recurrent layers. Length: the adding problem of 100 to 2000 steps, two layers, the
same number of updates for each. Both end in a JSON file and a picture.

    python examples/python/depth_and_length.py depth --output docs
    python examples/python/depth_and_length.py length --output docs
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

import indrnn_engine as ie

DEPTHS = (2, 6, 12, 21)
LENGTHS = (100, 200, 500, 1000, 2000)
Study = dict[str, list[dict[str, Any]]]


def main() -> None:
    """Run one study, print each result, write `results/NAME.json` and `images/NAME.png`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", choices=("depth", "length"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--hidden-size", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=20, help="of digits; adding: of 100 updates")
    parser.add_argument("--output", type=Path, default=Path("study"), help="folder")
    parser.add_argument("--smoke", action="store_true", help="a small size that ends in seconds")
    options = parser.parse_args()
    if options.smoke:
        options.seeds, options.hidden_size, options.epochs = 1, 8, 1
    study = depth_study(options) if options.study == "depth" else length_study(options)
    name = f"{options.study}-study"
    write(study, options.output / "results" / f"{name}.json")
    draw(study, options.study, options.output / "images" / f"{name}.png")


def depth_study(options: argparse.Namespace) -> Study:
    """Test accuracy on digits for each depth."""
    data = ie.data.digits.load(seed=0)
    depths = DEPTHS[:2] if options.smoke else DEPTHS
    study: Study = {"plain": [], "plain, batch norm": [], "residual, batch norm": []}
    for depth in depths:
        for name, points in study.items():
            layers = stack(name, depth, options.hidden_size)
            rate = 2e-3 if "norm" in name else 5e-4
            points.append(point(depth, layers, data, 1, rate, options))
            print(f"{name}, {depth} layers: {describe(points[-1], 'accuracy')}", flush=True)
    return study


def stack(name: str, depth: int, hidden_size: int) -> list[ie.nn.Layer]:
    """Give `depth` recurrent layers for digits; residual ones have the next odd number."""
    sizes = {"hidden_size": hidden_size, "output_size": 10, "time_steps": 64}
    if name.startswith("residual"):
        return ie.architectures.residual(depth // 2, batch_norm="before", **sizes)
    norm = "after" if "norm" in name else None
    return ie.architectures.plain(depth, batch_norm=norm, **sizes)


def length_study(options: argparse.Namespace) -> Study:
    """Test error of the adding problem for each length, after the same number of updates."""
    study: Study = {"two layers": []}
    for time_steps in LENGTHS[:1] if options.smoke else LENGTHS:
        data = ie.data.adding.load(time_steps=time_steps, test_batches=20)
        layers = ie.architectures.plain(
            2, options.hidden_size, 1, time_steps=time_steps, magnitude=2.0, batch_norm=None
        )
        # What a step changes adds up over the sequence.
        rate = 3e-3 * min(1.0, 1000 / time_steps)
        study["two layers"].append(point(time_steps, layers, data, 2, rate, options))
        print(f"T = {time_steps}: {describe(study['two layers'][-1], 'mse')}", flush=True)
    return study


def point(
    size: int,
    layers: list[ie.nn.Layer],
    data: ie.data.Data,
    input_size: int,
    learning_rate: float,
    options: argparse.Namespace,
) -> dict[str, Any]:
    """Train with each seed; what the networks reached on the test data, and in what time."""
    start, reached = time.perf_counter(), []
    for seed in range(options.seeds):
        net = ie.Network(layers, input_size=input_size, seed=seed)
        config = ie.training.TrainingConfig(
            epochs=options.epochs,
            learning_rate=learning_rate,
            schedule="cosine",
            patience=0,
            clip_value=None,
            clip_norm=1.0,
            recurrent_bound=ie.architectures.recurrent_bound(data.time_steps, magnitude=2.0),
            seed=seed,
        )
        reached.append(ie.training.Trainer(net, data, config).fit().test)
    names = [name for name in reached[0] if name in ("loss", "accuracy", "mse")]
    scores = {name: [float(f"{test[name]:.4g}") for test in reached] for name in names}
    return {"size": size, "seconds": round(time.perf_counter() - start, 1), **scores}


def describe(found: dict[str, Any], metric: str) -> str:
    """Give the median over seeds, and all of them."""
    values = found[metric]
    each = ", ".join(f"{value:.4g}" for value in values)
    return f"{metric} {statistics.median(values):.4g} ({each}), {found['seconds']} s"


def write(study: Study, path: Path) -> None:
    """As JSON, one line for each point."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        f'"{name}": [\n' + ",\n".join(json.dumps(point) for point in points) + "\n]"
        for name, points in study.items()
    ]
    path.write_text("{" + ",\n".join(lines) + "}\n")
    print(path)


def draw(study: Study, kind: str, path: Path) -> None:
    """Medians as lines, single seeds as dots."""
    metric, label = ("accuracy", "recurrent layers") if kind == "depth" else ("mse", "length T")
    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.add_subplot()
    for name, points in study.items():
        sizes = [point["size"] for point in points]
        medians = [statistics.median(point[metric]) for point in points]
        (line,) = axes.plot(sizes, medians, label=name, linewidth=1.4)
        for size, point in zip(sizes, points, strict=True):
            values = point[metric]
            axes.plot([size] * len(values), values, "o", markersize=3, color=line.get_color())
    if kind == "length":
        axes.set_xscale("log")
        axes.set_yscale("log")
    axes.set_xlabel(label)
    axes.set_ylabel(f"test {metric}")
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    print(path)


if __name__ == "__main__":
    main()
