"""How time grows with sequence length, width and depth: the engine, the floor and JAX."""

from __future__ import annotations

from benchmarks.workloads import Workload


def stack(name: str, hidden: int, layers: int, time_steps: int, batch: int) -> Workload:
    """A stack of the kind that all these cases are."""
    inputs = min(hidden, 64)
    return Workload(name, inputs, hidden, layers, time_steps, batch, outputs=1)


LENGTHS = (100, 1_000, 10_000, 100_000, 1_000_000)
WIDTHS = (32, 64, 128, 256, 512, 1024, 2048)
DEPTHS = (1, 2, 4, 8, 16, 32)

# A row of cases, each with what is on its axis.
AXES: dict[str, list[tuple[int, Workload]]] = {
    "T": [(T, stack(f"T {T}", 128, 4, T, 1)) for T in LENGTHS],
    "H": [(H, stack(f"H {H}", H, 4, 100, 32)) for H in WIDTHS],
    "L": [(L, stack(f"L {L}", 128, L, 200, 32)) for L in DEPTHS],
}
TITLES = {
    "T": "sequence length T (B 1, H 128, L 4)",
    "H": "width H (T 100, B 32, L 4)",
    "L": "depth L (T 200, B 32, H 128)",
}
SYSTEMS = ("engine", "floor", "jax-scan")
