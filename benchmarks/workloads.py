"""The shapes that are measured: stacks of equal IndRNN layers, as in the papers' experiments."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Workload:
    """A stack of `layers` IndRNN layers on an input [T, B, I]."""

    name: str
    inputs: int
    hidden: int
    layers: int
    time_steps: int
    batch: int

    @property
    def shapes(self) -> str:
        """The sizes on one line."""
        stack = f"I {self.inputs}, H {self.hidden}, {self.layers} layers"
        return f"{stack}, T {self.time_steps}, B {self.batch}"


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("pixel", inputs=1, hidden=128, layers=6, time_steps=784, batch=32),
        Workload("char", inputs=50, hidden=512, layers=3, time_steps=50, batch=128),
        Workload("adding", inputs=2, hidden=128, layers=2, time_steps=5000, batch=50),
    )
}
