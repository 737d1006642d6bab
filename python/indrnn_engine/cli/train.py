"""`indrnn train`: one command per data source, and --resume."""

import inspect
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from ..distributed import Ranks, find
from ..recipes import Recipe
from ..training import PRESETS, Experiment, Result, Trainer, new_run, resume_run
from ..training.series import Series, is_series
from .dashboard import DashboardReporter
from .interrupt import stopping_on_signals
from .options import apply, options_for, parameters
from .progress import make_reporter, preparing
from .recipes import RecipeGroup, RecipeName
from .smoothed import format_metrics

__all__ = ["train"]

RUN = "Run"
HELP = {
    "adding": "The adding problem: remember two marked numbers of a long sequence and add them.",
    "digits": "scikit-learn's 1 797 handwritten digits, pixel by pixel (T = 64); no download.",
    "mnist": "Sequential MNIST: 70 000 handwritten digits, pixel by pixel (T = 784).",
    "text": "A character model of any text file; `indrnn sample` writes text from it.",
    "ptb": "Penn Treebank, characters or words, from Mikolov's files.",
    "skeleton": "NTU RGB+D skeletons: 60 actions.",
    "ucr": "A problem of the UEA and UCR time series archives; needs the package aeon.",
    "arrays": "Your own sequences: a classifier (integer y) or regressor (floating y) from an .npz "
    "file with x [N, T, F], y [N] and, where sequences differ in length, lengths [N].",
}
EXAMPLES = {
    "adding": "indrnn train adding --time-steps 1000",
    "digits": "indrnn train digits --seed 1",
    "mnist": "indrnn train mnist --data-dir data/mnist --epochs 20",
    "text": "indrnn train text shakespeare.txt --layers 4",
    "ptb": "indrnn train ptb simple-examples/data --level word",
    "skeleton": "indrnn train skeleton nturgb+d_skeletons --split-by view",
    "ucr": "indrnn train ucr --name BasicMotions",
    "arrays": "indrnn train arrays sensors.npz --layers 3 --hidden-size 128",
}
REASONS = {
    "steps": "all steps are done",
    "target": "the target is reached",
    "early stop": "no better validation for a while",
    "learning rate": "the learning rate has run out",
    "time": "the time is up",
}

RunDir = Annotated[
    Path | None,
    typer.Option(
        "--run-dir",
        help="Folder of this run: new or empty.",
        show_default="runs/SOURCE-N",
        rich_help_panel=RUN,
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads", help="Worker threads.", show_default="all cores", rich_help_panel=RUN
    ),
]
TensorBoard = Annotated[bool, typer.Option(help="Write TensorBoard events.", rich_help_panel=RUN)]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print the result only.", rich_help_panel=RUN)
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="Any field, such as options.growth_rate=8 or training.test_draws=5; repeatable.",
        metavar="FIELD=VALUE",
        rich_help_panel=RUN,
    ),
]
Seeds = Annotated[
    int,
    typer.Option(
        "--seeds",
        help="Trains so many times, with the seeds from --seed on; ends with mean and spread.",
        min=1,
        rich_help_panel=RUN,
    ),
]
Distributed = Annotated[
    str,
    typer.Option(
        "--distributed",
        help="Whether the processes that mpiexec or srun started share each batch: auto, on or "
        "off; off: each trains alone.",
        rich_help_panel=RUN,
    ),
]
Smoke = Annotated[
    bool, typer.Option("--smoke", help="A size that runs within a minute; of a recipe.")
]
Minutes = Annotated[
    float | None, typer.Option("--max-minutes", help="Stops after this time; can be resumed.")
]
Resume = Annotated[
    Path | None, typer.Option("--resume", help="Folder of the run to continue.", metavar="RUN")
]

train = typer.Typer(
    cls=RecipeGroup,
    invoke_without_command=True,
    help="Train a network on a data source or by a recipe, or continue a run with --resume.",
    epilog="Examples:  indrnn train digits     indrnn train --recipe smnist-plain6     "
    "indrnn train --resume runs/digits-1",
)


@train.callback()
def train_callback(
    context: typer.Context,
    recipe: RecipeName = None,  # noqa: ARG001 - RecipeGroup takes it away
    resume: Resume = None,
    max_minutes: Minutes = None,
    threads: Threads = None,
    distributed: Distributed = "auto",
    quiet: Quiet = False,
) -> None:
    """Train a network, or continue a run with --resume."""
    if context.invoked_subcommand is not None:
        if resume is not None:
            raise ValueError("[train] --resume takes everything from the run: give it alone")
        return
    if resume is None:
        typer.echo(context.get_help())
        raise typer.Exit(2)
    ranks = find(distributed)
    quiet = quiet or not ranks.is_first
    console = make_console(ranks)
    set_threads(threads)
    overrides = {"max_minutes": max_minutes}
    if ranks.first(lambda: is_series(resume)):
        series = ranks.first(lambda: Series.open(resume))
        run_series(series, console, ranks, quiet=quiet, overrides=overrides)
        return
    run(continued(resume, console, ranks, quiet=quiet, overrides=overrides), console)


def continued(
    path: Path, console: Console, ranks: Ranks, *, quiet: bool, overrides: dict[str, Any]
) -> Trainer:
    """Prepare the continuation of a run and say where it stands."""
    reporter = make_reporter(console, quiet=quiet)
    trainer = resume_run(path, reporter=reporter, overrides=overrides, ranks=ranks)
    step, total = trainer.progress.step, trainer.total_steps
    say(console, f"continuing {path} at step {step} of {total}", quiet)
    return trainer


def run_series(
    series: Series,
    console: Console,
    ranks: Ranks,
    *,
    quiet: bool,
    overrides: dict[str, Any] | None = None,
) -> None:
    """Train with every seed, those that are done left out; say mean and spread."""
    for seed in series.seeds:
        path = series.path_of(seed)
        if ranks.first(lambda seed=seed: series.result_of(seed)) is not None:  # type: ignore[misc]
            continue
        if ranks.first((path / "config.json").is_file):
            trainer = continued(path, console, ranks, quiet=quiet, overrides=overrides or {})
        else:
            trainer = new_run(
                series.experiment_of(seed, overrides),
                run_dir=path,
                reporter=make_reporter(console, quiet=quiet),
                tensorboard=series.tensorboard,
                ranks=ranks,
            )
            announce(trainer, console, quiet)
        run(trainer, console)
        if ranks.first(lambda seed=seed: series.result_of(seed)) is None:  # type: ignore[misc]
            return  # the time was up
    for line in ranks.first(series.summary_lines):
        say(console, line)


def make_console(ranks: Ranks) -> Console:
    """Give the console that training prints to: rank 0 speaks for all."""
    return Console(highlight=False, quiet=not ranks.is_first)


def say(console: Console, text: str, quiet: bool = False) -> None:
    """Print one line as it is."""
    if not quiet:
        console.print(text, markup=False, soft_wrap=True)


def set_threads(threads: int | None) -> None:
    """Set the number of worker threads of the engine."""
    if threads is not None:
        import indrnn_engine

        indrnn_engine.set_num_threads(threads)


def run(trainer: Trainer, console: Console) -> None:
    """Train, and say how it ended.

    Raises
    ------
    typer.Exit
        Interrupted: status 130 (Ctrl-C) or 143 (SIGTERM).
    """
    assert trainer.run is not None
    with stopping_on_signals(trainer) as received:
        try:
            result = trainer.fit()
        finally:
            if isinstance(trainer.reporter, DashboardReporter):
                trainer.reporter.abandoned()
    path = shlex.quote(str(trainer.run.path))
    if result.reason == "interrupted":
        say(console, f"stopped at step {result.step}; go on with: indrnn train --resume {path}")
        raise typer.Exit(128 + (received[0] if received else 2))
    report(trainer, result, console)
    if result.reason == "time":
        say(console, f"go on with: indrnn train --resume {path}")


def report(trainer: Trainer, result: Result, console: Console) -> None:
    """Print the result of a finished run."""
    assert trainer.run is not None
    why = REASONS.get(result.reason, result.reason)
    say(console, f"{why}: step {result.step}, {result.seconds:.1f} s")
    if result.best is not None:
        say(console, f"best validation   {format_metrics(result.best)} (step {result.best_step})")
    if result.test is not None:
        say(console, f"test              {format_metrics(result.test)}")
    best = trainer.config.final_model == "best" and trainer.run.best.exists()
    say(console, f"model             {trainer.run.best if best else trainer.run.last}")
    if trainer.run.curves.exists():
        say(console, f"curves            {trainer.run.curves}")


def make_command(preset: Experiment, recipe: Recipe | None = None) -> Callable[..., None]:
    """Make the command of a data source, or of a recipe: its options are those of the table."""
    options = options_for(preset)
    name = preset.source if recipe is None else recipe.name

    def command(
        *,
        run_dir: RunDir = None,
        threads: Threads = None,
        tensorboard: TensorBoard = True,
        seeds: Seeds = 1,
        settings: Settings = None,
        smoke: Smoke = False,
        distributed: Distributed = "auto",
        quiet: Quiet = False,
        **values: Any,
    ) -> None:
        if smoke and recipe is None:
            raise ValueError("[train] --smoke is of a recipe; see: indrnn recipes")
        ranks = find(distributed)
        quiet = quiet or not ranks.is_first
        start = recipe.smoke if smoke and recipe is not None else preset
        experiment = apply(start, options, values, settings or ())
        set_threads(threads)
        console = make_console(ranks)
        if seeds > 1:
            series = ranks.first(
                lambda: Series.create(
                    experiment, seeds, path=run_dir, name=name, tensorboard=tensorboard
                )
            )
            say(console, f"{seeds} seeds           {series.path}", quiet)
            try:
                run_series(series, console, ranks, quiet=quiet)
            except BaseException:
                if ranks.is_first:
                    series.remove_unstarted()
                raise
            return
        with preparing(console, quiet=quiet) as progress:
            trainer = new_run(
                experiment,
                run_dir=run_dir,
                name=name,
                reporter=make_reporter(console, quiet=quiet),
                tensorboard=tensorboard,
                progress=progress,
                ranks=ranks,
            )
        announce(trainer, console, quiet)
        run(trainer, console)

    given = parameters(options, preset)
    signature = inspect.signature(command, eval_str=True)
    own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    if recipe is None:
        own = [p for p in own if p.name != "smoke"]
    command.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=sorted([*given, *own], key=lambda parameter: parameter.kind)
    )
    command.__annotations__ = {p.name: p.annotation for p in [*given, *own]}
    return command


def announce(trainer: Trainer, console: Console, quiet: bool) -> None:
    """Print what is about to be trained."""
    assert trainer.run is not None
    data = trainer.data
    sizes = ", ".join(f"{size} {name}" for name, size in data.sizes.items())
    say(console, f"data              {data.name} (T = {data.time_steps}): {sizes}", quiet)
    for remark in data.remarks:
        say(console, f"                  not as published: {remark}", quiet)
    say(console, f"network           {trainer.net.num_parameters} parameters", quiet)
    if trainer.ranks.size > 1:
        say(console, f"ranks             {trainer.ranks.size}", quiet)
    say(console, f"run               {trainer.run.path}", quiet)


for _source, _preset in PRESETS.items():
    train.command(_source, help=HELP[_source], epilog=f"Example:  {EXAMPLES[_source]}")(
        make_command(_preset)
    )
