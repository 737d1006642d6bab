"""What a page shows of runs, as JSON values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..training.evaluation import confusion
from ..training.experiment import Experiment
from ..training.model_file import read_description
from ..training.prediction import find_model, sample
from ..training.run_folder import RunFolder, read_json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ..network import Network

__all__ = ["collect", "collect_runs"]

CURVES = ("loss", "accuracy", "mse", "bits", "perplexity", "learning_rate", "samples_per_second")
POINTS = 2000  # of one curve: more cannot be seen
BINS = 50
SAMPLE_LENGTH = 600
MOST_CLASSES = 100


def collect_runs(paths: Sequence[Path]) -> dict[str, Any]:
    """Give the curves and results of some runs, to be drawn together.

    Parameters
    ----------
    paths : sequence of Path
        Run folders.

    Raises
    ------
    ValueError, OSError
        A folder that holds no run, or a damaged one.
    """
    runs = [_run(RunFolder.open(path)) for path in paths]
    return {"title": " · ".join(run["name"] for run in runs), "runs": runs}


def collect(path: Path, *, with_data: bool = True) -> dict[str, Any]:
    """Give all there is to see of one run.

    Parameters
    ----------
    path : Path
        A run folder.
    with_data : bool, default True
        Loads the data for the confusion matrix; where they are not to be found, a note says so.

    Raises
    ------
    ValueError, OSError
        No run, or a damaged one.
    """
    from ..network import Network

    run = RunFolder.open(path)
    page = collect_runs([path])
    page |= {"layers": [], "confusion": None, "sample": "", "notes": []}
    try:
        model = find_model(path)
    except FileNotFoundError:
        page["notes"].append("There is no model yet.")
        return page
    net = Network.load(model)
    page["layers"] = _layers(net)
    description = read_description(model)
    if description.get("kind") == "language":
        vocabulary = description.get("data", {}).get("vocabulary", "")
        if vocabulary:
            joint = " " if isinstance(vocabulary, list) else ""
            page["sample"] = joint.join(sample(net, vocabulary, SAMPLE_LENGTH, temperature=0.8))
    elif description.get("kind") == "classification" and with_data:
        try:
            page["confusion"] = _confusion(net, run, description)
        except (ValueError, OSError, ImportError) as error:
            page["notes"].append(f"No confusion matrix: {error}")
    return page


def _run(run: RunFolder) -> dict[str, Any]:
    config = run.read_config()
    result = None
    if run.result.is_file():
        result = read_json(run.result)
    return {
        "name": run.path.resolve().name,
        "curves": _curves(run.records() if run.metrics.is_file() else []),
        "result": result,
        "experiment": config.get("experiment", {}),
        "environment": config.get("environment", {}),
        "data": config.get("data", {}).get("sizes", {}),
        "parameters": config.get("num_parameters"),
    }


def _curves(records: list[dict[str, Any]]) -> dict[str, dict[str, list[list[float]]]]:
    """Give metric -> split -> [step, value] points."""
    curves: dict[str, dict[str, list[list[float]]]] = {}
    for record in records:
        for name in CURVES:
            if name in record and "split" in record:
                points = curves.setdefault(name, {}).setdefault(record["split"], [])
                points.append([record["step"], record[name]])
    if curves.get("mse") == curves.get("loss"):
        curves.pop("mse", None)
    for splits in curves.values():
        for split, points in splits.items():
            splits[split] = points[:: -(-len(points) // POINTS)]
    return curves


def _layers(net: Network) -> list[dict[str, Any]]:
    """Give a histogram of the recurrent weights of each layer, and their memory."""
    from ..analysis import memory_length, recurrent_weights

    layers = []
    for name, weights in recurrent_weights(net).items():
        values = np.asarray(weights, np.float64)
        counts, edges = np.histogram(values, BINS)
        lengths = memory_length(values)
        median = float(np.median(lengths))
        layers.append(
            {
                "name": name,
                "neurons": len(values),
                "edges": edges.round(6).tolist(),
                "counts": counts.tolist(),
                "memory": median if np.isfinite(median) else None,
                "endless": int((~np.isfinite(lengths)).sum()),
            }
        )
    return layers


def _confusion(net: Network, run: RunFolder, description: dict[str, Any]) -> dict[str, Any] | None:
    """Count the classes of the test (or validation) split against the predicted ones."""
    classes = int(description["output_size"])
    if classes > MOST_CLASSES:
        return None
    experiment = Experiment.from_dict(run.read_config()["experiment"])
    data = experiment.load_data()
    split = "test" if data.test is not None else "validation"
    counts = confusion(net, data.source(split), classes, seed=experiment.training.seed)
    names = description.get("data", {}).get("classes") or [str(index) for index in range(classes)]
    return {"split": split, "classes": names, "counts": counts.tolist()}
