"""From an experiment, or the folder of an earlier run, to a trainer that is ready to `fit`."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..distributed import Ranks
from .experiment import Experiment, environment
from .run_folder import RunFolder
from .trainer import Trainer
from .weights import start_from

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
    ranks: Ranks | None = None,
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
    ranks : Ranks, optional
        With whom to train; all of them must call this, with the same arguments.

    Raises
    ------
    ValueError, TypeError, OSError
        Bad data, an impossible network, weights that do not fit it, a run folder that is not
        empty.
    """
    ranks = Ranks() if ranks is None else ranks
    # Rank 0 first: it may have to fetch or parse what the others then find.
    data = ranks.in_turn(lambda: experiment.load_data(progress))
    net = ranks.together(lambda: experiment.make_network(data))
    if experiment.model.weights:
        ranks.together(lambda: start_from(net, experiment.model.weights))
    training = dataclasses.replace(experiment.training, recurrent_bound=experiment.bound(data))
    experiment = dataclasses.replace(experiment, training=training)
    document = experiment.to_dict()
    # Whatever is wrong with the configuration shows here.
    ranks.together(lambda: Trainer(net, data, training))
    config = {
        "experiment": document,
        "data": {"sizes": data.sizes, "fingerprint": data.fingerprint},
        "network": json.loads(net.to_json()),
        "num_parameters": net.num_parameters,
        "tensorboard": tensorboard,
        "environment": {**environment(), **ranks.census()},
    }

    def create() -> RunFolder:
        return RunFolder.create(config, path=run_dir, root=root, name=name or experiment.source)

    run = folder(ranks, create)
    return Trainer(
        net,
        data,
        training,
        run=run,
        reporter=reporter,
        experiment=document,
        tensorboard=tensorboard,
        ranks=ranks,
    )


def folder(ranks: Ranks, make: Callable[[], RunFolder]) -> RunFolder:
    """Give the folder that rank 0 makes or opens and locks; the others know where it lies."""
    made: list[RunFolder] = []

    def path() -> str:
        made.append(make())
        return str(made[0].path)

    where = ranks.first(path)
    return made[0] if made else RunFolder(Path(where))


def resume_run(
    path: Path,
    *,
    reporter: Reporter | None = None,
    overrides: dict[str, Any] | None = None,
    ranks: Ranks | None = None,
) -> Trainer:
    """Prepare the continuation of a run from its last checkpoint.

    Parameters
    ----------
    path : Path
        The run folder.
    reporter : Reporter, optional
    overrides : dict, optional
        Fields of `TrainingConfig` that differ from now on, such as max_minutes.
    ranks : Ranks, optional
        With whom to go on, however many trained before; all of them must call this.

    Raises
    ------
    ValueError, OSError
        No run folder, a damaged checkpoint, data that have changed.
    """
    ranks = Ranks() if ranks is None else ranks
    run = folder(ranks, lambda: RunFolder.open(path))
    config = ranks.first(run.read_config)
    experiment = ranks.together(lambda: experiment_in(config, run))
    training = ranks.together(lambda: dataclasses.replace(experiment.training, **(overrides or {})))
    data = ranks.in_turn(experiment.load_data)
    net = ranks.together(lambda: experiment.make_network(data))
    ranks.first(run.acquire)
    trainer = Trainer(
        net,
        data,
        training,
        run=run,
        reporter=reporter,
        experiment=experiment.to_dict(),
        tensorboard=bool(config.get("tensorboard", True)),
        ranks=ranks,
    )
    trainer.resume()
    return trainer


def experiment_in(config: dict[str, Any], run: RunFolder) -> Experiment:
    """Give the experiment that the configuration of a run describes."""
    try:
        return Experiment.from_dict(config["experiment"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"[run] {run.config} holds no experiment: {error!r}") from error
