"""The training loop.

    top of the loop:  validation due? -> end reached? -> checkpoint due? -> one step

A run can be cut anywhere and continued from its checkpoint as if nothing had happened, because a
step depends on the checkpoint alone: batches are a function of (seed, epoch, position) and dropout
of the network's random state.

Where several ranks train together each runs this loop, on its shares of the batches. What decides
how the loop goes on is agreed upon by all of them (`Ranks`), and rank 0 alone writes.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from typing import TYPE_CHECKING, Any

from .._checks import got
from ..data import Batch, Data, Prefetcher
from ..device_state import DeviceState
from ..distributed import Ranks
from ..distributed.errors import agreed
from ..network import Network
from .captured import CapturedSteps, check_captured
from .config import TrainingConfig
from .diagnose import TrainingDivergedError
from .evaluation import evaluate
from .objectives import Averages, objective_for
from .patience import Patience
from .pieces import check_pieces
from .progress import Progress, Result
from .recorder import NoRecorder, Recorder
from .reporter import Reporter
from .restoring import restore
from .snapshot import Snapshot
from .speed import Speed
from .steps import NotFiniteError, PlainStep, Step
from .update import make_optimizer

if TYPE_CHECKING:
    from ..data import BatchSource
    from ..state import State
    from .run_folder import RunFolder
    from .steps import Carried

__all__ = ["Trainer"]

logger = logging.getLogger(__name__)


class Trainer:
    """Trains a network on data by a `TrainingConfig`.

    Parameters
    ----------
    net : Network
        Trained in place. After `fit` it holds the weights that were tested: the best ones, or the
        last.
    data : Data
    config : TrainingConfig
    run : RunFolder, optional
        Where records, models and checkpoints go; None: nothing is written.
    reporter : Reporter, optional
        Told of every step; None: silent.
    experiment : dict, optional
        JSON values stored in the model files, so that they can be evaluated later.
    tensorboard : bool, default True
        Whether to write TensorBoard events into the run folder.
    ranks : Ranks, optional
        With whom this trains; None: alone.
    cuda_graph : bool, optional
        Whether each step is given to the GPU as one CUDA graph, see `indrnn_engine.cuda`; None: as
        the configuration says.

    Raises
    ------
    ValueError
        There is nothing to train on, or the network or these data do not allow what the
        configuration asks for.

    Examples
    --------
    >>> import indrnn_engine as ie
    >>> data = ie.data.adding.load(time_steps=10, steps_per_epoch=5, test_batches=2)
    >>> layers = ie.architectures.plain(1, 8, 1, time_steps=10, batch_norm=None)
    >>> net = ie.Network(layers, input_size=2)
    >>> trainer = ie.training.Trainer(net, data, ie.training.TrainingConfig(epochs=2))
    >>> result = trainer.fit()
    >>> result.reason, result.step
    ('steps', 10)
    """

    def __init__(
        self,
        net: Network,
        data: Data,
        config: TrainingConfig,
        *,
        run: RunFolder | None = None,
        reporter: Reporter | None = None,
        experiment: dict[str, Any] | None = None,
        tensorboard: bool = True,
        ranks: Ranks | None = None,
        cuda_graph: bool | None = None,
    ) -> None:
        for name, value, kind in (
            ("net", net, Network),
            ("data", data, Data),
            ("config", config, TrainingConfig),
        ):
            if not isinstance(value, kind):
                raise TypeError(f"[training] {name} must be a {kind.__name__}, got {got(value)}")
        if data.train.num_batches() < 1:
            raise ValueError("[training] the training split must hold at least one batch")
        if config.piece_steps:
            check_pieces(net.layers)
        self.net = net
        self.data = data
        self.config = config
        self.run = run
        self.reporter = Reporter() if reporter is None else reporter
        self.objective = objective_for(data)
        self.optimizer = make_optimizer(net, config)
        self.total_steps = config.total_steps(data.train.num_batches())
        self.schedule = config.schedule_for(self.total_steps)
        self.progress = Progress()
        self.patience = Patience(config.patience, config.patience_factor)
        self.best: Snapshot | None = None
        self.state: Carried | None = None
        self.whole_size = 0  # sequences of all ranks in the batch that led to the state
        self.ranks = Ranks() if ranks is None else ranks
        self.speed = Speed(self.ranks)
        self.recorder = NoRecorder()
        if run is not None and self.ranks.is_first:
            self.recorder = Recorder(run, data, experiment, tensorboard)
        self._step = self._make_step(config.cuda_graph if cuda_graph is None else cuda_graph)
        self._stop = threading.Event()

    def _make_step(self, cuda_graph: bool) -> Step:
        net, config = self.net, self.config
        if not cuda_graph:
            return PlainStep(net, self.objective, self.optimizer, config, self.ranks)
        check_captured(net, config, self.ranks)
        return CapturedSteps(net, self.objective, self.optimizer, config)

    @property
    def learning_rate(self) -> float:
        """Rate of the next step."""
        return self.schedule(self.progress.step) * self.patience.scale

    @property
    def carried(self) -> State | None:
        """The state, on the host, that the next batch starts from if it carries one."""
        return self.state.to_host() if isinstance(self.state, DeviceState) else self.state

    def stop(self) -> None:
        """End `fit` after the step in progress, with a checkpoint; any thread may call it."""
        self._stop.set()

    def resume(self) -> None:
        """Continue from the checkpoint of the run folder.

        Raises
        ------
        ValueError, OSError
            The checkpoint is missing, damaged, or belongs to other data or another network.
        """
        if self.run is None:
            raise ValueError("[training] resume needs a run folder")
        found = self.ranks.first(self.recorder.read_checkpoint)
        if found is not None:
            self.ranks.together(lambda: restore(self, found))
        self.ranks.first(lambda: self.recorder.restored(self))

    def fit(self) -> Result:
        """Train until the configuration's end, `stop`, or the time limit.

        Returns
        -------
        Result

        Raises
        ------
        TrainingDivergedError
            A loss, gradient or weight is not finite. The last checkpoint is kept.
        """
        self.ranks.attach(self.net, joined_norms=self.config.joined_norms)
        self.ranks.first(lambda: self.recorder.start(self))
        self.reporter.started(self)
        for note in self.recorder.notes:
            self.reporter.noted(self, note)
        self.ranks.watch()
        started = time.perf_counter()
        before = self.progress.seconds
        try:
            progress = self.progress
            train = self.ranks.split(self.data.train)
            with Prefetcher(train, self.config.seed, progress.epoch, progress.position) as batches:
                while True:
                    progress.seconds = before + time.perf_counter() - started
                    if self._evaluation_due():
                        self._validate()
                    reason, checkpoint_due = self._agree(time.perf_counter() - started)
                    if reason:
                        break
                    if checkpoint_due:
                        self._save_checkpoint()
                    asked = time.perf_counter()
                    ready = next(batches)
                    self._train_step(*ready, waited=time.perf_counter() - asked)
            progress.seconds = before + time.perf_counter() - started
            result = self._finish(reason)
        finally:
            self.recorder.close()
        self.reporter.finished(self, result)
        return result

    def _train_step(self, epoch: int, position: int, batch: Batch, waited: float) -> None:
        self.speed.begin()
        try:
            metrics, self.state = self._step.run(batch, self.state, self.learning_rate)
        except NotFiniteError as found:
            raise self._diverged(str(found)) from None
        self.whole_size = batch.whole_size

        progress = self.progress
        progress.step += 1
        progress.epoch, progress.position = epoch, position + 1
        averages = Averages(progress.sums, progress.weight)
        averages.add(metrics, self.objective.weight(batch) / (batch.fraction or 1.0))
        progress.sums, progress.weight = averages.sums, averages.weight
        self.speed.end(batch.whole_size, waited)
        speed = self.speed.samples_per_second
        if progress.step % self.config.log_every == 0:
            # The rate of the step just done.
            self._record(
                "train",
                {**averages.means(), "learning_rate": self.optimizer.lr, **self.speed.record()},
            )
            progress.sums, progress.weight = {}, 0.0
        self.reporter.stepped(self, metrics, speed)

    def _evaluation_due(self) -> bool:
        if self.data.validation is None:
            return False
        step = self.progress.step
        every = self.config.evaluate_every or self.data.train.num_batches()
        due = step % every == 0 or step >= self.total_steps
        return due and self.progress.last_evaluation != step

    def _validate(self) -> None:
        assert self.data.validation is not None
        progress, objective = self.progress, self.objective
        self.ranks.check_equal(self.net)
        metrics = self._evaluate(self.data.validation)
        if metrics is None:  # stopped: it is still due when the run continues
            return
        if not all(map(math.isfinite, metrics.values())):
            raise self._diverged("the validation loss is not finite")
        progress.last_evaluation = progress.step
        improved = progress.best is None or objective.key(metrics) > objective.key(progress.best)
        if improved:
            self.best = Snapshot.take(self.net, self.optimizer)
            progress.best, progress.best_step, progress.since_best = metrics, progress.step, 0
        else:
            progress.since_best += 1
        self._record("validation", metrics)
        self.recorder.record_weights(self)
        self.reporter.evaluated(self, metrics, improved=improved)
        self._decide(metrics, improved=improved)
        if improved:
            self._save_checkpoint()
            self.recorder.save_best(self)

    def _evaluate(self, source: BatchSource, draws: int = 1) -> dict[str, float] | None:
        self.ranks.settle(self.net)
        return evaluate(
            self.net,
            source,
            self.objective,
            seed=self.config.seed,
            stopped=self._stop.is_set,
            batch_statistics=self.config.evaluation == "batch",
            draws=draws,
            ranks=self.ranks,
        )

    def _decide(self, metrics: dict[str, float], *, improved: bool) -> None:
        """Apply what follows from a validation: the papers' rule, the target, the early stop."""
        config, progress = self.config, self.progress
        if self.patience.update(improved=improved) and self.best is not None:
            self.best.restore(self.net, self.optimizer)
            self.reporter.noted(
                self,
                f"back to the weights of step {progress.best_step}, "
                f"learning rate {self.learning_rate:.3g}",
            )
            if self.learning_rate < config.minimum_learning_rate:
                progress.ending = "learning rate"
        if config.early_stop and progress.since_best >= config.early_stop:
            progress.ending = "early stop"
        if config.stop_at is not None and self.objective.reached(metrics, config.stop_at):
            progress.ending = "target"

    def _agree(self, session_seconds: float) -> tuple[str, bool]:
        """Why training ends now (empty: it goes on), and whether a checkpoint is due."""
        config = self.config
        late = config.max_minutes is not None and session_seconds >= 60.0 * config.max_minutes
        stop, late, due = self.ranks.any(
            self._stop.is_set(), late, self.recorder.checkpoint_due(config.checkpoint_minutes)
        )
        if stop and self._evaluation_due():  # given up halfway
            return "interrupted", due
        if self.progress.step >= self.total_steps:
            return "steps", due
        return self.progress.ending or ("interrupted" if stop else "time" if late else ""), due

    def _save_checkpoint(self) -> None:
        self.ranks.settle(self.net)
        self.recorder.save_checkpoint(
            self, self.ranks.gather_state(self.net, self.carried, self.whole_size)
        )

    def _finish(self, reason: str) -> Result:
        progress = self.progress
        self._save_checkpoint()
        test = None
        if reason != "interrupted":
            if self.config.final_model == "best" and self.best is not None:
                self.best.restore(self.net, self.optimizer)
            if self.data.test is not None:
                test = self._evaluate(self.data.test, self.config.test_draws)
                if test is None:
                    reason = "interrupted"
                else:
                    self._record("test", test)
        result = Result(
            reason, progress.step, progress.seconds, progress.best_step, progress.best, test
        )
        self.recorder.finish(result)
        return result

    def _record(self, split: str, metrics: dict[str, float]) -> None:
        record: dict[str, Any] = {"split": split, "step": self.progress.step}
        record |= {"epoch": self.progress.epoch, **metrics}
        record["seconds"] = round(self.progress.seconds, 3)
        self.recorder.record(record)

    def _diverged(self, what: str) -> BaseException:
        where = ""
        if self.run is not None and self.run.checkpoint.is_file():
            where = f"; the last good checkpoint is {self.run.checkpoint}"
        message = f"[training] stopped at step {self.progress.step + 1}: {what}{where}. "
        return agreed(TrainingDivergedError(message + "A lower learning rate often helps"))
