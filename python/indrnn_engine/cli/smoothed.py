"""Metrics as text, smoothed for the eye."""

from __future__ import annotations

__all__ = ["Smoothed", "format_metrics"]

SMOOTHING = 0.05  # weight of the newest batch in the metrics shown


def format_metrics(metrics: dict[str, float] | None) -> str:
    """Give metrics as text: percentages for accuracies, four digits for the rest.

    A loss that is the mean squared error itself is named once.

    Examples
    --------
    >>> from indrnn_engine.cli.smoothed import format_metrics
    >>> format_metrics({"loss": 0.123456, "accuracy": 0.975})
    'loss 0.1235, accuracy 97.50 %'
    """
    return ", ".join(
        f"{name} {100.0 * value:.2f} %" if name == "accuracy" else f"{name} {value:.4g}"
        for name, value in (metrics or {}).items()
        if name != "loss" or (metrics or {}).get("mse") != value
    )


class Smoothed:
    """Exponential means of metrics, for the eye."""

    def __init__(self) -> None:
        self.values: dict[str, float] = {}

    def add(self, metrics: dict[str, float]) -> None:
        """Take in the metrics of one batch."""
        for name, value in metrics.items():
            before = self.values.get(name, value)
            self.values[name] = before + SMOOTHING * (value - before)
