"""The papers' rule for the learning rate.

When the validation score has not improved for `limit` evaluations: back to the best weights and
optimizer state, the learning rate times `factor`, the patience halved; the end when the rate falls
below a minimum.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Patience"]


@dataclass
class Patience:
    """Counts evaluations without improvement.

    Attributes
    ----------
    limit : int
        Present patience; 0: the rule is off.
    factor : float
    waited : int
        Evaluations since the last improvement or return.
    scale : float
        Product of all factors so far, on top of the schedule.

    Examples
    --------
    >>> from indrnn_engine.training.patience import Patience
    >>> rule = Patience(limit=2, factor=0.1)
    >>> [rule.update(improved=False) for _ in range(3)]
    [False, True, True]
    >>> rule.limit, round(rule.scale, 6)
    (1, 0.01)
    """

    limit: int
    factor: float
    waited: int = 0
    scale: float = 1.0

    def update(self, *, improved: bool) -> bool:
        """Count one evaluation; True: go back to the best weights."""
        self.waited = 0 if improved else self.waited + 1
        if self.limit == 0 or self.waited < self.limit:
            return False
        self.waited = 0
        self.scale *= self.factor
        self.limit = max(self.limit // 2, 1)
        return True
