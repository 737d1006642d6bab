"""The systems that are measured on a GPU, in the order of the tables."""

from __future__ import annotations

import dataclasses

from benchmarks import peers
from benchmarks.catalogue import System
from benchmarks.workloads import WORKLOADS

NAMES = ("pixel", "char", "adding", "ptb", "skeleton", "long", "wide", "stream")
LIMIT = 300.0  # seconds for an answer: a case of a peer that takes longer is left out
TASKS = ("forward", "train", "step", "stream")

ENGINE = (
    System("engine", "indrnn_engine", "engine"),
    System("engine-graph", "indrnn_engine, CUDA graph", "engine_graph"),
    System(
        "engine-whole",
        "indrnn_engine, no windows",
        "engine",
        variables={"INDRNN_CUDA_WINDOW": "never"},
        left_out={"stream": "one step has no windows"},
    ),
    System("products", "cuBLAS: matrix products alone", "engine_products", other_cell=True),
)
PRODUCTS = ("products", "torch-products")
PEERS = (
    System("torch-products", "PyTorch: matrix products alone", "torch_products", other_cell=True),
    System("torch-rnn", "cuDNN RNN, ReLU", "torch_layers:rnn"),
    System("torch-gru", "cuDNN GRU", "torch_layers:gru", other_cell=True),
    System("torch-lstm", "cuDNN LSTM", "torch_layers:lstm", other_cell=True),
    System("torch-loop", "PyTorch loop over z[t]", "torch_loop:index"),
    System("torch-unbind", "PyTorch loop over z.unbind()", "torch_loop:unbind"),
    System("torch-graph", "PyTorch loop, CUDA graph", "torch_loop:captured"),
    System("jax-scan", "JAX lax.scan", "jax_forms:scan"),
    System("jax-by-hand", "JAX lax.scan, backward by hand", "jax_forms:scan-by-hand"),
    System("jax-assoc", "JAX associative_scan", "jax_forms:associative"),
)


def peers_environment(emulated: bool) -> str:
    """Where the peers are installed; "" is this program's own environment."""
    names = ("gpu", "main") if emulated else ("gpu",)
    return next((name for name in names if peers.interpreter(name).exists()), "")


def systems(emulated: bool) -> dict[str, System]:
    """All of them; beside an emulated device peers run on the CPU, where their code is tried."""
    fewer = {"BENCHMARK_STREAM_CALLS": "20"} if emulated else {}
    ours = [
        dataclasses.replace(
            each, environment="", device="cuda", variables={**each.variables, **fewer}
        )
        for each in ENGINE
    ]
    where = peers_environment(emulated)
    device = "cpu" if emulated else "cuda"
    theirs = [
        dataclasses.replace(each, environment=where, device=device, limit=LIMIT) for each in PEERS
    ]
    return {each.name: each for each in (*ours, *theirs)}


WORKLOADS_OF_GPU = {name: WORKLOADS[name] for name in NAMES}
