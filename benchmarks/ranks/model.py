"""What communication costs on a cluster, and how recipes would scale there.

A message of n bytes takes alpha + n beta. An all-reduce over N ranks takes the cheaper of two
algorithms (Thakur, Rabenseifner, Gropp: Optimization of Collective Communication Operations in
MPICH, IJHPCA 19(1), 2005; lg is the logarithm to base 2, rounded up, gamma the time to add a byte):

    recursive doubling                  lg N (alpha + n beta + n gamma)
    reduce-scatter and all-gather       2 lg N alpha + (N - 1) / N n (2 beta + gamma)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

RANKS = tuple(2**power for power in range(11))
AGREEMENTS = 2  # small sums of every step, beside those of batch norms
SMALL = 32  # bytes of each
BACKWARD = 2 / 3  # of the work of a step; the page has measurements


@dataclass(frozen=True)
class Network:
    """An interconnect: seconds of a message, seconds of a byte, and who published them."""

    name: str
    alpha: float
    beta: float
    source: str


NETWORKS = (
    Network(
        "400 Gb/s InfiniBand NDR",
        2e-6,
        8 / 400e9,
        "https://github.com/MicrosoftDocs/azure-docs/blob/main/articles/virtual-machines/hbv4-performance.md",
    ),
    Network(
        "200 Gb/s InfiniBand HDR",
        1.2e-6,
        8 / 192e9,
        "https://docs.azure.cn/en-us/virtual-machines/hbv3-performance",
    ),
    Network(
        "40 Gb/s Ethernet, kernel bypass",
        1.93e-6,
        8 / 37.23e9,
        "https://news-blogs.cisco.com/performance/mpi-over-40gb-ethernet",
    ),
    Network(
        "10 Gb/s Ethernet of a cloud, TCP",
        48e-6,  # half of a round trip of 92 to 100
        8 / 9.5e9,  # over 95 % of 10 Gb/s
        "http://blogs.scalablelogic.com/2014/01/enhanced-networking-in-aws-cloud-part-2.html",
    ),
)


def allreduce(ranks: int, size: float, alpha: float, beta: float, gamma: float) -> float:
    """Seconds of one sum of `size` bytes over all ranks."""
    if ranks == 1:
        return 0.0
    rounds = math.ceil(math.log2(ranks))
    part = (ranks - 1) / ranks * size
    return min(
        rounds * (alpha + size * (beta + gamma)),
        2 * rounds * alpha + part * (2 * beta + gamma),
    )


def fit(measured: list[list[float]]) -> tuple[float, float]:
    """Alpha and beta of a message between two ranks, from sums over them (gamma inside beta).

    Least squares of relative errors: microseconds count as much as milliseconds.
    """
    sizes, seconds = np.array(measured).T
    rows = np.stack([np.ones_like(sizes), sizes], axis=1) / seconds[:, None]
    alpha, beta = np.linalg.lstsq(rows, np.ones_like(sizes), rcond=None)[0]
    return float(max(alpha, 0.0)), float(beta)


def computing(recipe: dict[str, Any], batch: float) -> float:
    """Seconds of a step without communication, between and beyond the measured batch sizes."""
    sizes, seconds = np.array(recipe["seconds"]).T
    if batch <= sizes[-1]:
        return float(np.interp(batch, sizes, seconds))
    slope = (seconds[-1] - seconds[-2]) / (sizes[-1] - sizes[-2])
    return float(seconds[-1] + (batch - sizes[-1]) * max(slope, 0.0))


def communicating(recipe: dict[str, Any], ranks: int, network: Network, gamma: float) -> float:
    """Seconds of a step's sums: gradients, batch norms, agreements."""

    def once(size: float) -> float:
        return allreduce(ranks, size, network.alpha, network.beta, gamma)

    total = once(4.0 * recipe["parameters"]) + AGREEMENTS * once(SMALL)
    count = recipe["norm_sums"]
    return total + (count * once(recipe["norm_bytes"] / count) if count else 0.0)


def saved_at_most(
    recipe: dict[str, Any], ranks: int, batch: int, network: Network, gamma: float
) -> float:
    """Part of a step that a sum of the gradients wholly hidden behind backward would save.

    `batch` sequences are on each rank. What backward cannot hide remains.
    """
    work = computing(recipe, batch)
    gradients = allreduce(ranks, 4.0 * recipe["parameters"], network.alpha, network.beta, gamma)
    step = work + communicating(recipe, ranks, network, gamma)
    return min(gradients, BACKWARD * work) / step


@dataclass(frozen=True)
class Scaling:
    """A recipe on a network, over the numbers of ranks.

    Attributes
    ----------
    weak : list of float
        Efficiency with the recipe's batch on every rank.
    strong : list of float
        Speed-up with the recipe's batch split over the ranks; ranks beyond its size add nothing.
    weak_half, strong_half : int or None
        Ranks from which on communication takes half the step or more.
    """

    weak: list[float]
    strong: list[float]
    weak_half: int | None
    strong_half: int | None


def scaling(recipe: dict[str, Any], network: Network, gamma: float) -> Scaling:
    """Predict."""
    batch = recipe["batch"]
    alone = computing(recipe, batch)
    weak, strong = [], []
    halves: dict[str, int | None] = {"weak": None, "strong": None}
    for ranks in RANKS:
        talk = communicating(recipe, ranks, network, gamma)
        share = computing(recipe, math.ceil(batch / ranks))
        weak.append(alone / (alone + talk))
        strong.append(alone / (share + talk))
        for kind, work in (("weak", alone), ("strong", share)):
            if talk >= work and halves[kind] is None:
                halves[kind] = ranks
    return Scaling(weak, strong, halves["weak"], halves["strong"])
