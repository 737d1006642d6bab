"""Recipes: every experiment of the papers as a file that runs, at a small size here."""

from __future__ import annotations

import dataclasses
import gzip
import json
import re
import struct
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import indrnn_engine as ie
from skeletons import write_folder

pytest.importorskip("typer")

from typer.testing import CliRunner

from indrnn_engine.cli.app import app
from indrnn_engine.training import Experiment, RunFolder

if TYPE_CHECKING:
    from click.testing import Result

NAMES = ie.recipes.names()
WORDS = "the quick brown fox jumps over a lazy dog and the <unk> N times\n"


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small data in the format of each source."""
    folder = tmp_path_factory.mktemp("material")
    random = np.random.default_rng(0)
    for prefix, count in (("train", 60), ("t10k", 20)):
        images = random.integers(0, 256, (count, 28, 28), np.uint8)
        labels = random.integers(0, 10, count, np.uint8)
        for kind, magic, values in (("images-idx3", 2051, images), ("labels-idx1", 2049, labels)):
            content = struct.pack(f">i{values.ndim}i", magic, *values.shape) + values.tobytes()
            (folder / f"{prefix}-{kind}-ubyte.gz").write_bytes(gzip.compress(content))
    for split in ("train", "valid", "test"):
        (folder / f"ptb.{split}.txt").write_text(WORDS * 60)
        (folder / f"ptb.char.{split}.txt").write_text(
            " ".join(WORDS.strip().replace(" ", "_") * 40)
        )
    (folder / "text.txt").write_text(WORDS * 60)
    (folder / "skeletons").mkdir()
    write_folder(folder / "skeletons", random, samples=48)
    return folder


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("indrnn_engine.training.recorder.draw_curves", lambda *_: None)


def indrnn(*arguments: str, status: int = 0) -> Result:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == status, result.output
    return result  # type: ignore[return-value]


def where(name: str, material: Path) -> list[str]:
    """Arguments that name the data of a recipe."""
    return {
        "adding": [],
        "mnist": ["--data-dir", str(material)],
        "ptb": [str(material)],
        "skeleton": [str(material / "skeletons")],
        "text": [str(material / "text.txt")],
    }[ie.recipes.load(name).experiment.source]


ROWS = """adding-100 adding-500 adding-1000 adding-5000
smnist-plain6 smnist-plain12 smnist-residual smnist-dense
pmnist-plain6 pmnist-plain12 pmnist-residual pmnist-dense
ptb-char-plain ptb-char-residual21 ptb-char-dense ptb-word-residual ptb-word-dense
ntu-cs-plain4 ntu-cs-plain6 ntu-cs-dense ntu-cs-dense-augmented
ntu-cv-plain4 ntu-cv-plain6 ntu-cv-dense ntu-cv-dense-augmented
text-plain text-residual text-dense"""


def test_every_experiment_of_the_papers_is_there() -> None:
    assert set(ROWS.split()) <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_recipe_runs_at_a_small_size(name: str, material: Path) -> None:
    started = time.monotonic()
    output = indrnn(
        *("train", "--recipe", name, *where(name, material)), "--smoke", "--no-tensorboard"
    ).stdout
    assert time.monotonic() - started < 60
    assert "all steps are done" in output
    config = RunFolder.open(Path(f"runs/{name}-1")).read_config()
    small = Experiment.from_dict(config["experiment"])
    recipe = ie.recipes.load(name)
    assert small.model.architecture == recipe.experiment.model.architecture
    changed = {"data", "model", "training"}
    for field in dataclasses.fields(Experiment):
        if field.name not in changed:
            assert getattr(small, field.name) == getattr(recipe.experiment, field.name)


@pytest.mark.parametrize("name", NAMES)
def test_recipe_is_readable_and_says_its_source(name: str) -> None:
    text = ie.recipes.load(name).text
    assert text.startswith("# ")
    assert max(map(len, text.splitlines())) <= 100
    assert indrnn("recipes", name).stdout == text


def test_list_shows_every_recipe_with_what_was_published() -> None:
    output = indrnn("recipes").stdout
    for name in NAMES:
        assert re.search(rf"^{name} ", output, re.MULTILINE)
    assert "99.48 % test accuracy" in output


SIZES = {
    "smnist-plain6": 86_410,
    "smnist-plain12": 187_786,
    "smnist-residual": 170_890,
    "smnist-dense": 256_514,
    "ntu-cs-plain4": 902_204,
    "ntu-cv-plain6": 1_430_588,
    "ntu-cs-dense": 2_314_428,
    "ntu-cs-dense-augmented": 5_640_108,
}


@pytest.mark.parametrize("name", sorted(SIZES))
def test_networks_have_the_sizes_of_the_papers(name: str, material: Path) -> None:
    experiment = ie.recipes.load(name).experiment
    path = {"mnist": {"data_dir": material}, "skeleton": {"path": material / "skeletons"}}
    experiment.data.update(path[experiment.source])
    assert experiment.make_network(experiment.load_data()).num_parameters == SIZES[name]


def config(run: str) -> Experiment:
    return Experiment.from_dict(RunFolder.open(Path(run)).read_config()["experiment"])


def test_every_field_can_be_overridden(material: Path) -> None:
    indrnn(
        *("train", "--recipe=smnist-dense", "--smoke", "--data-dir", str(material)),
        *("--seed", "7", "--lr", "0.01", "--set", "options.growth_rate=3", "--steps", "2"),
        *("--set", "model.options.blocks=[1,2]", "--set", "training.clip_value=none"),
        *("--set", "data.validation_fraction=0.2", "--set", "model.dtype=float64"),
        *("--no-tensorboard", "--run-dir", "mine"),
    )
    found = config("mine")
    assert (found.training.seed, found.training.learning_rate) == (7, 0.01)
    assert (found.training.clip_value, found.training.max_steps) == (None, 2)
    assert (found.model.options["growth_rate"], found.model.options["blocks"]) == (3, [1, 2])
    assert found.data["validation_fraction"] == 0.2
    assert ie.Network.load("mine/last.safetensors").dtype == np.float64


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--recipe", "nothing"], "recipe must be one of adding-100, .* got 'nothing'"),
        (["--recipe", "adding-100", "--set", "time_steps=9"], "must begin with data., model."),
        (["--recipe", "adding-100", "--set", "data.time_steps"], "must be given FIELD=VALUE"),
        (["--recipe", "adding-100", "--set", "data.length=3"], "has no option 'length'"),
        (["--recipe", "none.toml"], "No such file"),
    ],
)
def test_mistakes_are_named(arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(app, ["train", *arguments])
    assert result.exit_code == 2
    assert re.search(message, result.stderr)
    assert not Path("runs").exists()


def test_file_of_ones_own_is_a_recipe(material: Path) -> None:
    text = ie.recipes.load("adding-100").text
    Path("mine.toml").write_text(text.replace("time_steps = 100", "time_steps = 30"))
    indrnn("train", "--recipe", "mine.toml", "--smoke", "--set", "data.time_steps=25")
    assert config("runs/mine-1").data["time_steps"] == 25
    for bad, message in (
        ("source = ", "cannot read mine.toml"),
        (text + "[more]\nx = 1\n", "unknown entry 'more'"),
        (text.replace("[model.options]", "[model.option]"), "unknown field 'option'"),
    ):
        Path("mine.toml").write_text(bad)
        with pytest.raises(ValueError, match=message):
            ie.recipes.load(Path("mine.toml"))


SMALL = ["--time-steps", "12", "--layers", "1", "--hidden-size", "8", "--no-tensorboard"]


def test_seeds_end_with_mean_and_spread() -> None:
    output = indrnn("train", "adding", *SMALL, "--steps", "5", "--seeds", "3", "--seed", "4").stdout
    assert "test of seeds 4, 5, 6" in output
    tests = [
        json.loads(Path(f"runs/adding-1/seed-{seed}/result.json").read_text())["test"]["mse"]
        for seed in (4, 5, 6)
    ]
    assert len(set(tests)) == 3
    summary = json.loads(Path("runs/adding-1/summary.json").read_text())["mse"]
    assert summary["mean"] == pytest.approx(np.mean(tests))
    assert summary["deviation"] == pytest.approx(np.std(tests, ddof=1))
    assert (summary["least"], summary["greatest"]) == (min(tests), max(tests))
    assert f"{np.mean(tests):.4g} ± {np.std(tests, ddof=1):.2g}" in output


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"reason": "interrupted"}'])
def test_a_damaged_result_of_a_seed_is_named(content: str) -> None:
    arguments = ["train", "adding", *SMALL, "--steps", "2", "--seeds", "2", "--run-dir", "many"]
    indrnn(*arguments, "--max-minutes", "1e-9")
    Path("many/seed-0/result.json").write_text(content)
    done = indrnn("train", "--resume", "many", "--quiet", status=2)
    assert "many/seed-0/result.json" in done.stderr
    assert "Traceback" not in done.stderr


def test_seeds_go_on_where_they_were_stopped() -> None:
    arguments = ["train", "adding", *SMALL, "--steps", "6", "--seeds", "2", "--run-dir", "many"]
    output = indrnn(*arguments, "--max-minutes", "1e-9").stdout
    assert "test of seeds" not in output
    assert not Path("many/seed-1").exists()
    output = indrnn("train", "--resume", "many", "--quiet").stdout
    assert "test of seeds 0, 1" in output
    whole: dict[str, Any] = {}
    for seed in (0, 1):
        indrnn(
            "train", "adding", *SMALL, "--steps", "6", "--seed", str(seed), "--run-dir", str(seed)
        )
        whole[str(seed)] = json.loads(Path(f"{seed}/result.json").read_text())["test"]
        assert (
            json.loads(Path(f"many/seed-{seed}/result.json").read_text())["test"]
            == whole[str(seed)]
        )
