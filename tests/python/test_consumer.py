"""C++ projects find the engine in every way it is delivered, and train with it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import indrnn_engine as ie

ROOT = Path(__file__).resolve().parents[2]
CONSUMER = ROOT / "tests" / "consumer"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("cmake") is None, reason="cmake is not installed"),
    pytest.mark.skipif(shutil.which("ninja") is None, reason="ninja is not installed"),
]


def command(*words: str | Path, stdin: str | None = None) -> str:
    """Run a command; its output is part of the failure when it fails."""
    # Nothing but the library itself may say where its dependencies are.
    environment = {key: value for key, value in os.environ.items() if key != "LD_LIBRARY_PATH"}
    done = subprocess.run(
        [str(word) for word in words],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        input=stdin,
    )
    assert done.returncode == 0, f"{' '.join(map(str, words))}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def build_consumer(folder: Path, *options: str) -> Path:
    """Configure and build tests/consumer in `folder`; return where the examples lie."""
    command("cmake", "-S", CONSUMER, "-B", folder, "-G", "Ninja", *options)
    command("cmake", "--build", folder)
    return folder / "examples"


def check_programs(examples: Path) -> None:
    """What was built trains in C++ and in C."""
    assert "reached" in command(examples / "train_adding")
    file = examples / "c_program.safetensors"
    assert "trained, saved, loaded and streamed" in command(examples.parent / "c_program", file)


def check_examples(examples: Path, folder: Path) -> None:
    """The other examples give what Python gives for the same model files."""
    layers = [ie.nn.IndRNN(16), ie.nn.BatchNorm(), ie.nn.IndRNN(16), ie.nn.Linear(3)]
    net = ie.Network(layers, input_size=2, seed=5)
    model = folder / "model.safetensors"
    net.save(model)

    ramp = np.repeat(np.float32(0.1) * np.arange(5, dtype=np.float32), 2).reshape(5, 1, 2)
    expected = net.forward(ramp)[0][:, 0]
    by_c = command(examples / "embedded", model)
    by_ctypes = command(sys.executable, ROOT / "examples" / "python" / "c_interface.py", model)
    for text in (by_c, by_ctypes):
        np.testing.assert_allclose(np.loadtxt(text.splitlines()), expected, atol=2e-6)

    x = np.random.default_rng(0).normal(size=(20, 1, 2)).astype(np.float32)
    lines = "".join(f"{a} {b}\n" for a, b in x[:, 0])
    text = command(examples / "stream_classifier", model, stdin=lines)
    classes, probabilities = np.loadtxt(text.splitlines(), unpack=True)
    logits = net.forward(x)[0][:, 0]
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_array_equal(classes, logits.argmax(axis=1))
    np.testing.assert_allclose(probabilities, shares.max(axis=1), atol=1e-5)

    speller = ie.Network([ie.nn.Embedding(4, 8), ie.nn.IndRNN(8), ie.nn.Linear(4)], seed=1)
    speller.save(model, {"alphabet": "abcd"})
    text = command(examples / "sample_text", model, "50", "0.5", "7")
    assert len(text) == 51
    assert set(text) <= set("abcd\n")
    assert text == command(examples / "sample_text", model, "50", "0.5", "7")
    assert text != command(examples / "sample_text", model, "50", "0.5", "8")


def check_sampling(examples: Path, folder: Path) -> None:
    """sample_text writes with what `indrnn train text` trained, and says what other models lack."""
    (folder / "text.txt").write_text("über den Fluß, " * 60, encoding="utf-8")
    run = folder / "run"
    small = ["--layers", "1", "--hidden-size", "8", "--batch-size", "4", "--steps", "3"]
    options = [*small, "--no-tensorboard", "--quiet", "--run-dir", run]
    command(sys.executable, "-m", "indrnn_engine", "train", "text", folder / "text.txt", *options)
    for name in ("best", "last"):
        text = command(examples / "sample_text", run / f"{name}.safetensors", "50")
        assert len(text) == 51
        assert set(text) <= set("über den Fluß, \n")
    other = folder / "other.safetensors"
    ie.Network([ie.nn.Embedding(4, 8), ie.nn.Linear(4)]).save(other)
    done = subprocess.run(
        [examples / "sample_text", other], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "other.safetensors must have the metadata alphabet" in done.stderr


@pytest.fixture(scope="module")
def engine_build() -> Path:
    """The build of the engine that scripts/test.sh made; built here when pytest runs alone."""
    folder = ROOT / "build" / "release"
    python = f"-DPython_EXECUTABLE={sys.executable}"
    command("cmake", "-S", ROOT, "-B", folder, "-G", "Ninja", "--log-level=WARNING", python)
    command("cmake", "--build", folder)
    return folder


@pytest.fixture
def prefix(engine_build: Path, tmp_path: Path) -> Path:
    """An installation moved after it was made: nothing in it may remember the old place."""
    command("cmake", "--install", engine_build, "--prefix", tmp_path / "first")
    return (tmp_path / "first").rename(tmp_path / "moved")


@pytest.mark.parametrize("target", ["indrnn::engine", "indrnn::engine_static"])
def test_installed_prefix_is_found_and_trains(prefix: Path, tmp_path: Path, target: str) -> None:
    check_programs(
        build_consumer(
            tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}", f"-DINDRNN_TARGET={target}"
        )
    )


def test_static_library_needs_no_engine_at_run_time(prefix: Path, tmp_path: Path) -> None:
    static = "-DINDRNN_TARGET=indrnn::engine_static"
    examples = build_consumer(tmp_path / "build", f"-DCMAKE_PREFIX_PATH={prefix}", static)
    assert "libindrnn_engine" not in command("ldd", examples / "train_adding")


def test_python_package_gives_cmake_its_library_and_trains(tmp_path: Path) -> None:
    cmake_dir = command(sys.executable, "-m", "indrnn_engine", "--cmake-dir").strip()
    examples = build_consumer(tmp_path / "build", f"-Dindrnn_engine_DIR={cmake_dir}")
    library_dir = Path(cmake_dir).parents[2].joinpath("lib").as_posix()
    assert library_dir in command("ldd", examples / "train_adding")
    check_programs(examples)
    check_examples(examples, tmp_path)
    check_sampling(examples, tmp_path)


@pytest.mark.skipif(shutil.which("pkg-config") is None, reason="pkg-config is not installed")
@pytest.mark.skipif(shutil.which("c++") is None, reason="c++ is not installed")
def test_pkg_config_finds_the_library_of_the_python_package(tmp_path: Path) -> None:
    folder = command(sys.executable, "-m", "indrnn_engine", "--pkgconfig-dir").strip()
    program = tmp_path / "train_adding"
    lines = (  # as docs/building.md has them
        f'export PKG_CONFIG_PATH="{folder}"; c++ -std=c++20 "$0" -o "$1" '
        "$(pkg-config --cflags --libs indrnn_engine) "
        "-Wl,-rpath,$(pkg-config --variable=libdir indrnn_engine)"
    )
    command("sh", "-c", lines, ROOT / "examples" / "cpp" / "train_adding.cpp", program)
    assert "reached" in command(program)


def test_add_subdirectory_builds_the_engine_within_the_application() -> None:
    # Kept between runs: building the whole engine again takes a minute.
    folder = ROOT / "build" / "consumer"
    options = (
        f"-DINDRNN_SOURCE_DIR={ROOT}",
        f"-DPython_EXECUTABLE={sys.executable}",
        "-DINDRNN_BUILD_SHARED=OFF",
        "-DINDRNN_TARGET=indrnn::engine_static",
    )
    check_programs(build_consumer(folder, *options))


@pytest.mark.skipif(shutil.which("pkg-config") is None, reason="pkg-config is not installed")
@pytest.mark.skipif(shutil.which("c++") is None, reason="c++ is not installed")
def test_pkg_config_compiles_and_links(prefix: Path, tmp_path: Path) -> None:
    (file,) = prefix.rglob("indrnn_engine.pc")
    flags = command("pkg-config", "--cflags", "--libs", file).split()
    program = tmp_path / "train_adding"
    library_dir = file.parent.parent
    source = ROOT / "examples" / "cpp" / "train_adding.cpp"
    command("c++", "-std=c++20", source, *flags, f"-Wl,-rpath,{library_dir}", "-o", program)
    assert "reached" in command(program)


def test_shared_library_exports_only_the_public_interface(prefix: Path) -> None:
    library = next(prefix.rglob("libindrnn_engine.so"))
    exported = command(ROOT / "scripts" / "exported_symbols.sh", library).splitlines()
    assert exported
    kinds = ("", "typeinfo for ", "typeinfo name for ", "vtable for ")
    public = ("indrnn_", *(f"{kind}indrnn::" for kind in kinds))
    internal = ("indrnn::cpu::", "indrnn::plan::", "nlohmann::", "indrnn::ThreadPool")
    leaked = [
        name
        for name in exported
        if not name.startswith(public) or any(word in name for word in internal)
    ]
    assert not leaked


def test_exported_symbols_are_those_of_the_list_under_version_control(prefix: Path) -> None:
    library = next(prefix.rglob("libindrnn_engine.so"))
    exported = set(command(ROOT / "scripts" / "exported_symbols.sh", library).splitlines())
    listed = set((ROOT / "tests" / "data" / "exported_symbols.txt").read_text().splitlines())
    # A change of the binary interface: see docs/versioning.md, then write the list anew.
    assert {"gone": listed - exported, "new": exported - listed} == {"gone": set(), "new": set()}
