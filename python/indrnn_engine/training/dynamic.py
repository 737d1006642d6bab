"""Dynamic evaluation: a language model that goes on learning from the text it is tested on.

Krause, Kahembwe, Murray, Renals 2018, "Dynamic evaluation of neural sequence models". Each piece of
text is first predicted, then learned from:

    w += min(decay * rms / mean(rms), 1) * (w_0 - w) - rate * g / (rms + epsilon)

g is the gradient of the piece's mean loss, rms the root of the mean square of the gradients over
the training text, w_0 the trained weights. What was often changed in training may change much
here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _checks
from ..optim import constrain_recurrent
from .objectives import Averages

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ..data import BatchSource
    from ..network import Network
    from .objectives import Objective

__all__ = ["DynamicRule", "evaluate_dynamically", "gradient_rms"]


@dataclass(frozen=True, kw_only=True)
class DynamicRule:
    """How fast the model follows the text, and how strongly it is drawn back.

    Attributes
    ----------
    learning_rate : float
    decay : float
    epsilon : float
        Added to the root mean square; the default is that of the authors' code.
    recurrent_bound : float, optional
        Recurrent weights are kept within it, as in training.
    """

    learning_rate: float = 2e-6
    decay: float = 0.012
    epsilon: float = 1e-3
    recurrent_bound: float | None = None

    def __post_init__(self) -> None:
        _checks.positive("DynamicRule", "learning_rate", self.learning_rate)
        _checks.non_negative("DynamicRule", "decay", self.decay)
        _checks.positive("DynamicRule", "epsilon", self.epsilon)


def gradient_rms(
    net: Network,
    source: BatchSource,
    objective: Objective,
    *,
    seed: int = 0,
    batches: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.float64]:
    """Give the root mean square of the gradient of each parameter over a source.

    Parameters
    ----------
    net : Network
        Its gradients are overwritten; running statistics are used, nothing is dropped.
    source : BatchSource
        The training text.
    objective : Objective
    seed : int, default 0
    batches : int, optional
        Of the epoch's beginning; None: all.
    progress : callable, optional
        Told (batches done, batches in all).

    Returns
    -------
    float64 ndarray [P]
    """
    total = source.num_batches() if batches is None else min(batches, source.num_batches())
    squares = np.zeros(net.num_parameters)
    state = None
    for position in range(total):
        batch = source.batch(seed, 0, position)
        output, state = net.forward(
            batch.x, state if batch.carry else None, batch.lengths, keep=True
        )
        _, gradient = objective.loss(output, batch)
        net.zero_gradients()
        net.backward(gradient, input_gradient=False)
        squares += np.square(net.gradients, dtype=np.float64)
        if progress is not None:
            progress(position + 1, total)
    return np.sqrt(squares / max(total, 1))


def evaluate_dynamically(
    net: Network,
    source: BatchSource,
    objective: Objective,
    rms: NDArray[np.float64],
    rule: DynamicRule | None = None,
    *,
    seed: int = 0,
) -> dict[str, float]:
    """Measure a network that learns from each batch after it has predicted it.

    Parameters
    ----------
    net : Network
        Left as it came, but for its gradients.
    source : BatchSource
        Read in order, from position 0.
    objective : Objective
    rms : float64 ndarray [P]
        From `gradient_rms`.
    rule : DynamicRule, optional
    seed : int, default 0

    Returns
    -------
    dict of str to float
        Means over all elements.

    Raises
    ------
    ValueError
        `rms` is not of the network's size.

    Examples
    --------
    >>> import numpy as np
    >>> import indrnn_engine as ie
    >>> from indrnn_engine.training.dynamic import evaluate_dynamically, gradient_rms
    >>> source = ie.data.StreamSource(np.arange(200) % 3, time_steps=10, batch_size=1)
    >>> net = ie.Network([ie.nn.Embedding(3, 4), ie.nn.IndRNN(8), ie.nn.Linear(3)])
    >>> objective = ie.training.LanguageModel()
    >>> rms = gradient_rms(net, source, objective)
    >>> sorted(evaluate_dynamically(net, source, objective, rms))
    ['accuracy', 'bits', 'loss']
    """
    rule = DynamicRule() if rule is None else rule
    if rms.shape != net.parameters.shape:
        raise ValueError(f"[dynamic] rms must have shape {net.parameters.shape}, got {rms.shape}")
    trained = np.array(net.parameters)
    dtype = trained.dtype
    mean = float(rms.mean())
    back = np.minimum(rule.decay * rms / mean, 1.0) if mean > 0.0 else np.zeros_like(rms)
    rate = rule.learning_rate / (rms + rule.epsilon)
    back, rate = back.astype(dtype), rate.astype(dtype)
    averages = Averages()
    state: Any = None
    try:
        for position in range(source.num_batches()):
            batch = source.batch(seed, 0, position)
            before = state if batch.carry else None
            output, state = net.forward(batch.x, before, batch.lengths, keep=True)
            loss, gradient = objective.loss(output, batch)
            averages.add(objective.metrics(output, batch, loss), objective.weight(batch))
            net.zero_gradients()
            net.backward(gradient, input_gradient=False)
            change = back * (trained - net.parameters) - rate * net.gradients
            net.parameters[...] += change
            if rule.recurrent_bound is not None:
                constrain_recurrent(net, rule.recurrent_bound)
    finally:
        net.parameters[...] = trained
        net.zero_gradients()
    return objective.summary(averages.means())
