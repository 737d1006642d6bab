"""Runs as web pages: what is in them, and that a browser shows it without a network."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import indrnn_engine as ie

pytest.importorskip("typer")

from typer.testing import CliRunner

from indrnn_engine.cli.app import app
from indrnn_engine.report import collect, collect_runs, render
from indrnn_engine.training import PRESETS, Experiment, ModelConfig, TrainingConfig, new_run

if TYPE_CHECKING:
    from click.testing import Result

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr("indrnn_engine.training.recorder.draw_curves", lambda *_: None)


def train(experiment: Experiment, name: str) -> Path:
    trainer = new_run(experiment, run_dir=Path(name), tensorboard=False)
    trainer.fit()
    return Path(name)


def classifier(rng: np.random.Generator, name: str = "classes", **training: Any) -> Path:
    y = rng.integers(0, 3, 90)
    np.savez("own.npz", x=rng.normal(size=(90, 6, 2)) + y[:, None, None], y=y)
    experiment = dataclasses.replace(
        PRESETS["arrays"],
        data={"path": "own.npz", "batch_size": 8},
        model=ModelConfig(options={"num_layers": 2, "hidden_size": 8}),
        training=TrainingConfig(**{"epochs": 4, "learning_rate": 0.02, "log_every": 2, **training}),
    )
    return train(experiment, name)


def language(level: str = "") -> Path:
    Path("text.txt").write_text(
        "to be or not to be, <b>that</b> is & </script> the question\n" * 30
    )
    experiment = dataclasses.replace(
        PRESETS["text"],
        data={"path": "text.txt", "time_steps": 10, "batch_size": 4},
        model=ModelConfig(options={"num_layers": 1, "hidden_size": 8, "embedding_size": 4}),
        training=TrainingConfig(max_steps=10),
    )
    return train(experiment, "language")


def indrnn(*arguments: str, status: int = 0) -> Result:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == status, result.output
    return result  # type: ignore[return-value]


def test_page_of_a_classifier_holds_everything(rng: np.random.Generator) -> None:
    run = classifier(rng)
    page = collect(run)
    (one,) = page["runs"]
    assert set(one["curves"]) == {"loss", "accuracy", "learning_rate", "samples_per_second"}
    assert set(one["curves"]["loss"]) == {"train", "validation", "test"}
    assert one["curves"]["accuracy"]["test"] == [
        [one["result"]["step"], one["result"]["test"]["accuracy"]]
    ]
    net = ie.Network.load(run / "best.safetensors")
    assert [layer["name"] for layer in page["layers"]] == list(ie.analysis.recurrent_weights(net))
    assert all(sum(layer["counts"]) == layer["neurons"] == 8 for layer in page["layers"])
    counts = np.array(page["confusion"]["counts"])
    assert counts.sum() == 9
    assert counts.trace() / counts.sum() == pytest.approx(one["result"]["test"]["accuracy"])
    assert one["experiment"]["training"]["learning_rate"] == 0.02
    assert one["environment"]["numpy"] == np.__version__


def test_page_of_a_language_model_holds_text() -> None:
    page = collect(language())
    assert len(page["sample"]) == 600
    assert page["confusion"] is None
    assert "bits" in page["runs"][0]["curves"]


def test_page_of_a_run_that_has_just_begun() -> None:
    new_run(PRESETS["adding"], run_dir=Path("new"), tensorboard=False).run.release()  # type: ignore[union-attr]
    page = collect(Path("new"))
    assert page["notes"] == ["There is no model yet."]
    assert "Nothing was recorded" in render(page)


def test_data_that_are_gone_leave_a_note(rng: np.random.Generator) -> None:
    run = classifier(rng)
    Path("own.npz").unlink()
    page = collect(run)
    assert page["confusion"] is None
    assert "No confusion matrix" in page["notes"][0]
    assert "own.npz" in page["notes"][0]


def test_page_needs_nothing_from_outside() -> None:
    text = render(collect(language()))
    assert not re.search(r"""(src|href)\s*=|@import|url\(|https?://(?!www\.w3\.org)""", text)
    assert text.count("</script>") == 2  # that of the text is written otherwise
    data = re.search(r'id="data">(.*?)</script>', text, re.DOTALL)
    assert data is not None
    assert json.loads(data.group(1))["title"] == "language"


def test_numbers_that_json_has_not_are_left_out() -> None:
    assert "NaN" not in render({"title": "<x>", "runs": [], "a": [float("nan"), float("inf")]})
    assert "<title>&lt;x&gt;</title>" in render({"title": "<x>", "runs": []})


def test_long_curves_are_thinned() -> None:
    run = Path("long")
    trainer = new_run(PRESETS["adding"], run_dir=run, tensorboard=False)
    assert trainer.run is not None
    for step in range(5000):
        trainer.run.append({"split": "train", "step": step, "loss": float(step)})
    trainer.run.release()
    points = collect_runs([run])["runs"][0]["curves"]["loss"]["train"]
    assert 1000 < len(points) <= 2000


def test_commands_write_their_pages(rng: np.random.Generator) -> None:
    first, second = classifier(rng, "first"), classifier(rng, "second", seed=5, epochs=2)
    assert indrnn("report", str(first)).stdout.strip() == str(first / "report.html")
    assert (first / "report.html").read_text().startswith("<!DOCTYPE html>")
    output = indrnn("compare", str(first), str(second), "-o", "both.html").stdout
    assert re.search(r"^first +36 +loss .*accuracy", output, re.MULTILINE)
    assert '"name": "second"' in Path("both.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["report", "none"], "must be a run folder"),
        (["report", "none", "-o", "page.pdf"], "output must end in .html"),
        (["compare", "none"], "at least 2 runs must be given"),
        (["compare", "none", "other"], "must be a run folder"),
    ],
)
def test_mistakes_are_named(arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def shown(page: Path, script: str = "") -> str:
    """What a browser makes of a page, with no network to be had; `script` runs behind it."""
    assert BROWSER is not None
    copy = page.with_name("shown.html")
    copy.write_text(page.read_text().replace("</body>", f"<script>{script}</script></body>"))
    done = subprocess.run(
        [
            *(BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
            *("--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=4000"),
            *("--window-size=1200,900", "--dump-dom", copy.resolve().as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout


HOVER = """{
const chart = document.querySelector('figure[data-metric="loss"] svg');
const box = chart.getBoundingClientRect();
chart.dispatchEvent(new MouseEvent("mousemove",
  { clientX: box.right - 12, clientY: box.top + 20, bubbles: true }));
}"""


@pytest.mark.skipif(BROWSER is None, reason="no Chromium: apt-get install chromium")
def test_browser_shows_the_page_and_reads_curves_off(rng: np.random.Generator) -> None:
    run = classifier(rng)
    indrnn("report", str(run))
    dom = shown(run / "report.html", HOVER)
    assert 'data-ready="yes"' in dom  # the script ran to its end
    for metric in ("loss", "accuracy", "learning_rate"):
        assert f'data-metric="{metric}"' in dom
    assert dom.count("data-layer=") == 2
    assert 'id="confusion"' in dom
    tip = re.search(r'<div id="tip"[^>]*>(.*?)</div>', dom, re.DOTALL)
    assert tip is not None
    result = json.loads((run / "result.json").read_text())
    assert f"test: {result['test']['loss']:.4g} (step {result['step']})" in tip.group(1)


@pytest.mark.skipif(BROWSER is None, reason="no Chromium: apt-get install chromium")
def test_browser_shows_runs_together(rng: np.random.Generator) -> None:
    first, second = classifier(rng, "first"), classifier(rng, "second", seed=5)
    indrnn("compare", str(first), str(second), "-o", "both.html")
    dom = shown(Path("both.html"), HOVER)
    assert 'data-ready="yes"' in dom
    for name in ("first train", "second train", "first validation", "training.seed"):
        assert name in dom


@pytest.mark.skipif(BROWSER is None, reason="no Chromium: apt-get install chromium")
def test_browser_shows_the_text_of_a_model() -> None:
    run = language()
    indrnn("report", str(run))
    dom = shown(run / "report.html")
    assert 'id="sample"' in dom
    assert 'data-ready="yes"' in dom
