"""From an experiment, or the folder of an earlier run, to a trainer that is ready to `fit`."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .experiment import Experiment, environment
from .run_folder import RunFolder
from .trainer import Trainer

if TYPE_CHECKING:
    from collections.abc import Callable

    from .reporter import Reporter

__all__ = ["new_run", "resume_run"]


def new_run(
    experiment: Experiment,
    *,
    run_dir: Path | None = None,
    root: Path = Path("runs"),
    name: str | None = None,
    reporter: Reporter | None = None,
    tensorboard: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> Trainer:
    """Prepare a new run; its folder is made last, when nothing else can go wrong.

    Parameters
    ----------
    experiment : Experiment
    run_dir : Path, optional
        A new or empty folder; None: the first free root/name-N.
    root, name : Path, str
        `name` is that of the data source unless given.
    reporter : Reporter, optional
    tensorboard : bool, default True
    progress : callable, optional
        Told (done, in all) by data that take long to load.

    Raises
    ------
    ValueError, TypeError, OSError
        Bad data, an impossible network, a run folder that is not empty.
    """
    data = experiment.load_data(progress)
    net = experiment.make_network(data)
    training = dataclasses.replace(experiment.training, recurrent_bound=experiment.bound(data))
    experiment = dataclasses.replace(experiment, training=training)
    document = experiment.to_dict()
    Trainer(net, data, training)  # whatever is wrong with the configuration shows here
    config = {
        "experiment": document,
        "data": {"sizes": data.sizes, "fingerprint": data.fingerprint},
        "network": json.loads(net.to_json()),
        "num_parameters": net.num_parameters,
        "tensorboard": tensorboard,
        "environment": environment(),
    }
    run = RunFolder.create(config, path=run_dir, root=root, name=name or experiment.source)
    return Trainer(
        net,
        data,
        training,
        run=run,
        reporter=reporter,
        experiment=document,
        tensorboard=tensorboard,
    )


def resume_run(
    path: Path,
    *,
    reporter: Reporter | None = None,
    overrides: dict[str, Any] | None = None,
) -> Trainer:
    """Prepare the continuation of a run from its last checkpoint.

    Parameters
    ----------
    path : Path
        The run folder.
    reporter : Reporter, optional
    overrides : dict, optional
        Fields of `TrainingConfig` that differ from now on, such as max_minutes.

    Raises
    ------
    ValueError, OSError
        No run folder, a damaged checkpoint, data that have changed.
    """
    run = RunFolder.open(path)
    config = run.read_config()
    try:
        experiment = Experiment.from_dict(config["experiment"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"[run] {run.config} holds no experiment: {error!r}") from error
    training = dataclasses.replace(experiment.training, **(overrides or {}))
    data = experiment.load_data()
    net = experiment.make_network(data)
    run.acquire()
    trainer = Trainer(
        net,
        data,
        training,
        run=run,
        reporter=reporter,
        experiment=experiment.to_dict(),
        tensorboard=bool(config.get("tensorboard", True)),
    )
    trainer.resume()
    return trainer
