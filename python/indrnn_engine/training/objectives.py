"""What each kind of task minimises and measures."""

from __future__ import annotations

import abc
import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from .. import losses

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..data import Batch, Data

__all__ = [
    "Averages",
    "Classification",
    "LanguageModel",
    "Objective",
    "Regression",
    "objective_for",
]


class Averages:
    """Weighted running means of named values; goes to JSON and back without losing a bit.

    Examples
    --------
    >>> from indrnn_engine.training.objectives import Averages
    >>> averages = Averages()
    >>> averages.add({"loss": 1.0}, weight=1)
    >>> averages.add({"loss": 3.0}, weight=3)
    >>> averages.means()
    {'loss': 2.5}
    """

    def __init__(self, sums: dict[str, float] | None = None, weight: float = 0.0) -> None:
        self.sums = dict(sums or {})
        self.weight = weight

    def add(self, values: dict[str, float], weight: float) -> None:
        """Add values that are means over `weight` elements."""
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value * weight
        self.weight += weight

    def means(self) -> dict[str, float]:
        """Give the mean of each value; empty before the first `add`."""
        return (
            {name: total / self.weight for name, total in self.sums.items()} if self.weight else {}
        )


class Objective(abc.ABC):
    """A loss, its gradient, and the metrics shown beside it.

    Attributes
    ----------
    score : str
        The metric by which models are compared.
    higher_is_better : bool
        Of the score.
    names : tuple of str
        Of the metrics.
    """

    score: ClassVar[str]
    higher_is_better: ClassVar[bool]
    names: ClassVar[tuple[str, ...]]

    @abc.abstractmethod
    def loss(self, output: NDArray[Any], batch: Batch) -> tuple[float, NDArray[Any]]:
        """Give the mean loss and its gradient with respect to `output`."""

    @abc.abstractmethod
    def metrics(self, output: NDArray[Any], batch: Batch, loss: float) -> dict[str, float]:
        """Give the means over a batch, the loss among them."""

    def weight(self, batch: Batch) -> float:
        """Give the number of elements that `metrics` are means over."""
        return float(batch.y.shape[0] if batch.mask is None else batch.mask.sum())

    def summary(self, means: dict[str, float]) -> dict[str, float]:
        """Give the means over a whole split with what follows from them."""
        return means

    def key(self, metrics: dict[str, float]) -> tuple[float, float]:
        """Give a value that is greater for better metrics; at equal scores the loss decides."""
        score = metrics[self.score]
        return (score if self.higher_is_better else -score, -metrics["loss"])

    def reached(self, metrics: dict[str, float], target: float) -> bool:
        """Say whether the score is as good as `target`."""
        score = metrics[self.score]
        return score >= target if self.higher_is_better else score <= target


class Classification(Objective):
    """Softmax cross-entropy and accuracy: one class per sequence, or per step."""

    score = "accuracy"
    higher_is_better = True
    names: ClassVar[tuple[str, ...]] = ("loss", "accuracy")

    def loss(self, output: NDArray[Any], batch: Batch) -> tuple[float, NDArray[Any]]:
        """Give the mean cross-entropy and its gradient."""
        return losses.softmax_cross_entropy(output, batch.y, batch.mask)

    def metrics(self, output: NDArray[Any], batch: Batch, loss: float) -> dict[str, float]:
        """Give loss and accuracy."""
        right = output.argmax(axis=-1) == batch.y
        if batch.mask is not None:
            right = right[batch.mask]
        return self.metrics_of(loss, float(right.mean()))

    def metrics_of(self, loss: float, accuracy: float) -> dict[str, float]:
        """Give the metrics of a batch of which loss and accuracy are known."""
        return {"loss": loss, "accuracy": accuracy}

    def weight(self, batch: Batch) -> float:
        """Give the number of classified elements."""
        return float(batch.y.size if batch.mask is None else batch.mask.sum())


class LanguageModel(Classification):
    """The next symbol: cross-entropy in nats, the same in bits, accuracy.

    Parameters
    ----------
    perplexity : bool, default False
        Whether the summary of a split holds exp(loss) too, as is the custom for words.
    """

    score = "loss"
    higher_is_better = False
    names = ("loss", "accuracy", "bits")

    def __init__(self, *, perplexity: bool = False) -> None:
        self._perplexity = perplexity

    def summary(self, means: dict[str, float]) -> dict[str, float]:
        """Give the means and perhaps the perplexity."""
        return {**means, "perplexity": math.exp(means["loss"])} if self._perplexity else means

    def metrics_of(self, loss: float, accuracy: float) -> dict[str, float]:
        """Give loss (nats), bits and accuracy per symbol."""
        return {"loss": loss, "accuracy": accuracy, "bits": loss / math.log(2.0)}


class Regression(Objective):
    """Mean squared error; `mse` is in the units of the targets as they were given."""

    score = "mse"
    higher_is_better = False
    names = ("loss", "mse")

    def __init__(self, target_deviation: NDArray[np.float64] | None = None) -> None:
        self._deviation = target_deviation

    def loss(self, output: NDArray[Any], batch: Batch) -> tuple[float, NDArray[Any]]:
        """Give the mean squared error of the (standardized) targets and its gradient."""
        return losses.mean_squared_error(output, batch.y, batch.mask)

    def metrics(self, output: NDArray[Any], batch: Batch, loss: float) -> dict[str, float]:
        """Give loss and mse."""
        if self._deviation is None:
            return {"loss": loss, "mse": loss}
        error = (output.astype(np.float64) - batch.y) * self._deviation
        if batch.mask is not None:
            error = error[batch.mask]
        return {"loss": loss, "mse": float(np.mean(error * error))}


def objective_for(data: Data) -> Objective:
    """Give the objective of a kind of data."""
    if data.kind == "classification":
        return Classification()
    if data.kind == "language":
        return LanguageModel(perplexity=data.metadata.get("level") == "word")
    if data.kind == "regression":
        deviation = data.metadata.get("target_deviation")
        return Regression(None if deviation is None else np.asarray(deviation))
    raise ValueError(
        f"[training] kind must be classification, regression or language, got {data.kind!r}"
    )
