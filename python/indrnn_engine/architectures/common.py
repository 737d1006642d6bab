"""What the architectures share: how each of their layers looks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .. import _checks, nn

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "Style",
    "check_counts",
    "check_fraction",
    "check_sizes",
    "dropout_over_time",
    "recurrent_bound",
]

MOST_LAYERS = 10_000
BATCH_NORM_PLACES = ("after", "before", None)
NORM_MODES = ("sequence", "step")

# Kaiming-uniform with this negative slope, [R]; small_norm_init takes 0 and norm weights of 0.1.
LINEAR_SLOPE = 8.0
SMALL_NORM_WEIGHT = 0.1


def recurrent_bound(time_steps: int, magnitude: float = 2.0) -> float:
    """Give the largest recurrent weight, magnitude^(1/T), for a bounded state over T steps.

    Parameters
    ----------
    time_steps : int
        T, the length of the sequences, at least 1.
    magnitude : float, default 2.0
        MAG of the papers: 2 in [C]'s adding problem, 5 in [R]'s pixel MNIST.

    Returns
    -------
    float

    Examples
    --------
    >>> from indrnn_engine.architectures import recurrent_bound
    >>> round(recurrent_bound(1000, magnitude=2.0), 6)
    1.000693
    """
    time_steps = _checks.at_least_one("recurrent_bound", "time_steps", time_steps)
    magnitude = _checks.positive("recurrent_bound", "magnitude", magnitude)
    return float(magnitude ** (1.0 / time_steps))


def check_sizes(name: str, **sizes: int) -> None:
    """Check that every size is at least 1."""
    for what, size in sizes.items():
        _checks.at_least_one(name, what, size)


def check_counts(name: str, **counts: int) -> None:
    """Check that every count of layers is at least 1, and not so many that none would end."""
    for what, count in counts.items():
        if _checks.at_least_one(name, what, count) > MOST_LAYERS:
            raise ValueError(f"[{name}] {what} must be at most {MOST_LAYERS}, got {count}")


def check_fraction(name: str, **values: float) -> None:
    """Check that every value is in [0, 1)."""
    for what, value in values.items():
        _checks.fraction(name, what, value)


@dataclass(frozen=True)
class Style:
    """How every layer of a network looks: its norm, its activation and its first weights.

    Attributes
    ----------
    name : str
        The architecture, for messages.
    time_steps, magnitude, bound, activation, batch_norm, norm_mode, small_norm_init
        As for `plain`.
    recurrent_normal, bidirectional
        As for `plain`.
    """

    name: str
    time_steps: int
    magnitude: float
    bound: float | None
    activation: str
    batch_norm: str | None
    norm_mode: str
    small_norm_init: bool
    recurrent_normal: Sequence[float] | None
    bidirectional: bool

    def __post_init__(self) -> None:
        if self.batch_norm not in BATCH_NORM_PLACES:
            raise ValueError(
                f'[{self.name}] batch_norm must be "after", "before" or None, '
                f"got {self.batch_norm!r}"
            )
        if self.norm_mode not in NORM_MODES:
            raise ValueError(
                f'[{self.name}] norm_mode must be "sequence" or "step", got {self.norm_mode!r}'
            )
        if self.bound is not None:
            _checks.positive(self.name, "bound", self.bound)
        if self.recurrent_normal is not None and len(self.recurrent_normal) != 2:
            raise ValueError(
                f"[{self.name}] recurrent_normal must be a mean and a standard deviation, "
                f"got {self.recurrent_normal!r}"
            )

    def linear(self, size: int) -> nn.Layer:
        """Make a Linear between two recurrences."""
        return nn.Linear(size, init_scale=0.0 if self.small_norm_init else LINEAR_SLOPE)

    def norm(self, *, small: bool = True) -> nn.Layer:
        """Make a batch norm; without `small` its weights start at 1 whatever `small_norm_init`."""
        weight = SMALL_NORM_WEIGHT if self.small_norm_init and small else 1.0
        if self.norm_mode == "step":
            return nn.BatchNorm("step", self.time_steps, init_weight=weight)
        return nn.BatchNorm(init_weight=weight)

    def recurrent(self, *, remembers: bool = False) -> list[nn.Layer]:
        """Make a recurrence with its norm: what the architectures are built of.

        Parameters
        ----------
        remembers : bool
            Whether it starts with long memories only: the last recurrence of a network that reads
            the last step, where what was read early must still be there at the end.
        """
        layers: list[nn.Layer] = [self._recurrence(remembers)]
        if self.batch_norm is not None:
            layers.insert(0 if self.batch_norm == "before" else 1, self.norm())
        return layers

    def both_ways(self, layers: list[nn.Layer]) -> list[nn.Layer]:
        """Give the layers as they are, or in both directions of time."""
        return [nn.Bidirectional(tuple(layers))] if self.bidirectional else layers

    @property
    def width(self) -> int:
        """Features that a layer in both directions gives for each of its neurons."""
        return 2 if self.bidirectional else 1

    def _recurrence(self, remembers: bool) -> nn.Layer:
        options: dict[str, Any] = {"activation": self.activation}
        if self.recurrent_normal is not None:
            mean, deviation = self.recurrent_normal
            options |= {"init": "normal"}
            options |= {"init_low": mean - deviation, "init_high": mean + deviation}
            return nn.Recurrence(**options)
        high = self.bound or recurrent_bound(self.time_steps, self.magnitude)
        # Never an empty range: a fixed bound may lie below magnitude^(-1/T).
        lowest = min(recurrent_bound(self.time_steps, 1.0 / self.magnitude), high)
        return nn.Recurrence(init_low=lowest if remembers else 0.0, init_high=high, **options)


def dropout_over_time(p: float) -> list[nn.Layer]:
    """Make a dropout over time; no layer at all for p = 0."""
    return [nn.Dropout(p)] if p > 0.0 else []
