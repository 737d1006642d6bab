"""The model of communication is the one in the books, and the page is what the results say."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import indrnn_engine as ie
from benchmarks.ranks import measure, model, page
from benchmarks.ranks.shapes import data_for
from benchmarks.ranks.worker import recipe

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "distributed"
FAST = model.Network("fast", 1e-6, 1e-10, "")
SLOW = model.Network("slow", 1e-4, 1e-8, "")
RECIPE = {
    "batch": 32,
    "parameters": 1_000_000,
    "norm_sums": 10,
    "norm_bytes": 10_000,
    "seconds": [[1, 0.01], [4, 0.04], [16, 0.16]],
}


def test_short_sums_double_and_long_ones_are_scattered() -> None:
    assert model.allreduce(1, 100, 1.0, 1.0, 0.0) == 0.0
    assert model.allreduce(8, 0, 2.0, 1.0, 0.0) == 6.0
    assert model.allreduce(5, 0, 2.0, 1.0, 0.0) == 6.0  # as many rounds as 8 ranks
    assert model.allreduce(8, 1000, 0.0, 1.0, 0.0) == pytest.approx(2 * 7 / 8 * 1000)
    assert model.allreduce(8, 1000, 0.0, 0.0, 1.0) == pytest.approx(7 / 8 * 1000)


def test_fit_finds_what_the_times_were_made_of() -> None:
    sizes = [2.0**power for power in range(3, 27)]
    alpha, beta = model.fit([[size, 3e-6 + 2e-10 * size] for size in sizes])
    assert (alpha, beta) == pytest.approx((3e-6, 2e-10))


def test_times_of_shares_are_interpolated_and_continued() -> None:
    assert model.computing(RECIPE, 2) == pytest.approx(0.02)
    assert model.computing(RECIPE, 32) == pytest.approx(0.32)


def test_slow_networks_take_half_the_step_sooner() -> None:
    fast, slow = (model.scaling(RECIPE, network, 1e-10) for network in (FAST, SLOW))
    assert fast.weak[0] == slow.weak[0] == 1.0
    assert all(one >= other for one, other in zip(fast.weak, slow.weak, strict=True))
    assert np.all(np.diff(slow.weak) <= 0.0)
    assert slow.strong_half is not None
    assert fast.strong_half is None or fast.strong_half > slow.strong_half
    # At the half, and not before, communication takes as long as the work.
    shares = [model.computing(RECIPE, -(-32 // ranks)) for ranks in model.RANKS]
    talks = [model.communicating(RECIPE, ranks, SLOW, 1e-10) for ranks in model.RANKS]
    first = next(r for r, s, t in zip(model.RANKS, shares, talks, strict=True) if t >= s)
    assert slow.strong_half == first


def test_what_backward_cannot_hide_is_not_saved() -> None:
    endless = model.Network("endless", 0.0, 1.0, "")
    assert model.saved_at_most(RECIPE, 1, 16, FAST, 0.0) == 0.0
    work = model.computing(RECIPE, 16)
    step = work + model.communicating(RECIPE, 4, FAST, 0.0)
    gradients = model.allreduce(4, 4e6, FAST.alpha, FAST.beta, 0.0)
    assert model.saved_at_most(RECIPE, 4, 16, FAST, 0.0) == pytest.approx(gradients / step)
    assert model.saved_at_most(RECIPE, 4, 16, endless, 0.0) < 1e-6  # backward's time of a year


@pytest.mark.parametrize("name", ["adding-100", "ntu-cs-plain4", "text-plain"])
def test_worker_counts_what_a_recipe_exchanges(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.ranks.worker.BATCHES", (1, 2))
    monkeypatch.setattr("benchmarks.ranks.worker.LONGEST", 0.0)
    found = recipe(name)
    experiment = ie.recipes.load(name).experiment
    data = data_for(experiment, 1)
    assert found["parameters"] == experiment.make_network(data).num_parameters
    norms = 0 if name == "adding-100" else experiment.model.options["num_layers"]
    assert found["norm_sums"] == 3 * norms
    assert [size for size, _ in found["seconds"]] == [1, 2]


@pytest.mark.slow
def test_page_is_what_the_results_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    committed = page.PAGE.read_text()
    copy = tmp_path / "distributed.md"
    shutil.copy(page.PAGE, copy)
    monkeypatch.setattr(page, "PAGE", copy)
    monkeypatch.setattr(page, "IMAGE", tmp_path / "ranks.png")
    results = measure.load()
    assert measure.distinct().keys() <= results["recipes"].keys()
    page.render(results)
    assert copy.read_text() == committed
    assert page.show_bars(results)


def test_examples_for_clusters_use_options_that_exist() -> None:
    script = EXAMPLES / "train.sbatch"
    subprocess.run(["bash", "-n", script], check=True)
    for file in (script, EXAMPLES / "mpijob.yaml"):
        for line in file.read_text().splitlines():
            if "--recipe" in line or "text.txt" in line:
                options = set(re.findall(r"--[a-z-]+", line))
                assert options <= {"--recipe", "--batch-size", "--run-dir", "--data-dir"}
    assert "smnist-plain6" in ie.recipes.names()
    # Where the image has the command, and where its PATH does not reach.
    assert "ENV PATH=/opt/indrnn/bin:" in (EXAMPLES / "Dockerfile").read_text()
    assert "/opt/indrnn/bin/indrnn train" in (EXAMPLES / "mpijob.yaml").read_text()
