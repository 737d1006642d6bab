"""Classifier and regressor for scikit-learn's pipelines: sequences in, classes or numbers out."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ._checks import boolean, got, not_masked, text, unmasked
from .data.batches import Data
from .data.moments import moments, real_steps
from .data.ragged import as_dataset
from .data.sequences import SequenceDataset, SequenceSource, held_out_samples, split_indices
from .extras import missing
from .network import Network
from .training import Trainer, TrainingConfig
from .training.experiment import ModelConfig, layers_for
from .training.prediction import predict as run_network
from .training.reporter import Reporter

if TYPE_CHECKING:
    from numpy.typing import NDArray

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.utils import multiclass, validation
except ImportError as error:
    raise missing("scikit-learn") from error

__all__ = ["IndRNNClassifier", "IndRNNRegressor"]


class _LossCurve(Reporter):
    """Keeps the mean loss of each epoch."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self._seen: list[float] = []

    def stepped(self, trainer: Trainer, metrics: dict[str, float], _speed: float) -> None:
        self._seen.append(metrics["loss"])
        if len(self._seen) == trainer.data.train.num_batches():
            self.losses.append(float(np.mean(self._seen)))
            self._seen = []


class _IndRNN(BaseEstimator):  # type: ignore[misc]
    """What both estimators share."""

    def __init__(
        self,
        architecture: str = "plain",
        num_layers: int = 2,
        hidden_size: int = 64,
        *,
        batch_norm: str | None = "after",
        dropout: float = 0.0,
        magnitude: float = 2.0,
        mean_over_time: bool = False,
        options: dict[str, Any] | None = None,
        epochs: int = 50,
        batch_size: int = 32,
        learning_rate: float = 4e-3,
        schedule: str = "one-cycle",
        weight_decay: float = 0.0,
        clip_norm: float | None = 1.0,
        validation_fraction: float = 0.0,
        early_stop: int = 0,
        dtype: str = "float32",
        device: str = "cpu",
        random_state: Any = None,
    ) -> None:
        self.architecture = architecture
        self.num_layers = num_layers
        self.hidden_size = hidden_size
        self.batch_norm = batch_norm
        self.dropout = dropout
        self.magnitude = magnitude
        self.mean_over_time = mean_over_time
        self.options = options
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.weight_decay = weight_decay
        self.clip_norm = clip_norm
        self.validation_fraction = validation_fraction
        self.early_stop = early_stop
        self.dtype = dtype
        self.device = device
        self.random_state = random_state

    def _train(self, dataset: SequenceDataset, kind: str, output_size: int) -> None:
        """Train a network on sequences whose features and targets are standardized."""
        random = validation.check_random_state(self.random_state)
        seed = int(random.randint(np.iinfo(np.int32).max))
        held_out = held_out_samples(len(dataset), self.validation_fraction)
        kept, others = split_indices(len(dataset), held_out, seed)
        data = Data(
            name="estimator",
            kind=kind,
            input_size=dataset.x.shape[2],
            output_size=output_size,
            time_steps=dataset.x.shape[1],
            train=SequenceSource(dataset.take(kept), self.batch_size, self.dtype, shuffle=True),
            validation=SequenceSource(dataset.take(others), 256, self.dtype) if held_out else None,
        )
        model = ModelConfig(
            architecture=self.architecture, options=self._options(), dtype=self.dtype
        )
        layers, bound = layers_for(model, data)
        self.network_ = Network(
            layers, data.input_size, dtype=self.dtype, device=self.device, seed=seed
        )
        config = TrainingConfig(
            seed=seed,
            epochs=self.epochs,
            learning_rate=self.learning_rate,
            schedule=self.schedule,
            weight_decay=self.weight_decay,
            clip_value=None,
            clip_norm=self.clip_norm,
            recurrent_bound=bound,
            early_stop=self.early_stop,
        )
        curve = _LossCurve()
        result = Trainer(self.network_, data, config, reporter=curve).fit()
        self.loss_curve_ = curve.losses
        self.n_iter_ = result.step

    def _options(self) -> dict[str, Any]:
        where = type(self).__name__
        sizes = {
            "plain": {"num_layers": self.num_layers, "hidden_size": self.hidden_size},
            "residual": {"num_blocks": self.num_layers, "hidden_size": self.hidden_size},
            "dense": {"growth_rate": self.hidden_size},
        }
        options: dict[str, Any] = {
            **sizes.get(text(where, "architecture", self.architecture), {}),
            "batch_norm": self.batch_norm,
            "magnitude": self.magnitude,
            "mean_over_time": boolean(where, "mean_over_time", self.mean_over_time),
        }
        options["dense_dropout" if self.architecture == "dense" else "dropout"] = self.dropout
        if not isinstance(self.options, Mapping | None):
            raise TypeError(f"[{where}] options must be a dict, got {got(self.options)}")
        return {**options, **(self.options or {})}

    def _read(self, X: Any, *, reset: bool) -> SequenceDataset:
        """Check what came and bring it to [N, T, F] with lengths."""
        where = type(self).__name__
        not_masked(where, "X", X)
        if _is_ragged(X):
            pieces = [unmasked(where, "X", piece).astype(np.float64) for piece in X]
            pieces = [piece[:, None] if piece.ndim == 1 else piece for piece in pieces]
            dataset = as_dataset(pieces)
            self._count_features(dataset.x.shape[2], reset=reset)
            return dataset
        if isinstance(X, (list, tuple)):
            X = np.asarray(X)
        if getattr(X, "ndim", 0) == 3:
            X = validation.check_array(X, allow_nd=True, dtype=np.float64, estimator=self)
            self._count_features(X.shape[2], reset=reset)
            return as_dataset(X)
        X = validation.validate_data(self, X, reset=reset, dtype=np.float64)
        return as_dataset(X[:, :, None])

    def _count_features(self, features: int, *, reset: bool) -> None:
        if reset:
            self.n_features_in_ = features
        elif features != self.n_features_in_:
            raise ValueError(
                f"X has {features} features, but {type(self).__name__} is expecting "
                f"{self.n_features_in_} features as input"
            )

    def _standardized(self, dataset: SequenceDataset, *, reset: bool) -> SequenceDataset:
        """Bring each feature to mean 0 and deviation 1 over the steps seen in `fit`."""
        if reset:
            steps = real_steps(dataset.x, dataset.lengths)
            self.mean_, self.scale_ = moments(type(self).__name__, "X", steps)
        return SequenceDataset((dataset.x - self.mean_) / self.scale_, dataset.y, dataset.lengths)

    def _output(self, X: Any, kind: str) -> NDArray[np.float64]:
        """Give class probabilities or targets, in float64: the same alone and in company."""
        validation.check_is_fitted(self, "network_")
        dataset = self._standardized(self._read(X, reset=False), reset=False)
        exact = Network(self.network_.layers, self.network_.input_size, dtype="float64")
        exact.parameters[...] = self.network_.parameters
        for mine, trained in zip(
            exact.named_buffers().values(), self.network_.named_buffers().values(), strict=True
        ):
            mine[...] = trained
        values: NDArray[np.float64] = run_network(exact, dataset, {"kind": kind})
        return values

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.non_deterministic = False
        return tags


class IndRNNClassifier(ClassifierMixin, _IndRNN):  # type: ignore[misc]
    """Class of a sequence, by a stack of IndRNN layers.

    X is an array [N, T, F], a list of N arrays [T_n, F] of different lengths (or [T_n], one
    feature), or an array [N, T] of one feature a step. Features are standardized.

    Parameters
    ----------
    architecture : {"plain", "residual", "dense"}, default "plain"
    num_layers, hidden_size : int, default 2, 64
        Layers (blocks of "residual") and neurons in each (growth rate of "dense").
    batch_norm : {"after", "before", None}, default "after"
    dropout : float, default 0.0
    magnitude : float, default 2.0
        Recurrent weights are kept within magnitude^(1/T).
    mean_over_time : bool, default False
        Answers from the mean of all steps in place of the last one.
    options : dict, optional
        Further arguments of the architecture.
    epochs, batch_size : int, default 50, 32
    learning_rate : float, default 4e-3
    schedule : {"one-cycle", "cosine", "constant"}, default "one-cycle"
    weight_decay : float, default 0.0
    clip_norm : float, optional, default 1.0
        Bound on the norm of all gradients.
    validation_fraction : float, default 0.0
        Share held out; with one, the best weights on it are kept.
    early_stop : int, default 0
        Epochs without a better validation before training ends; 0: never.
    dtype : {"float32", "float64"}
        Of training; predictions are computed in float64.
    device : str, default "cpu"
    random_state : int, RandomState or None

    Attributes
    ----------
    network_ : Network
    classes_ : ndarray [C]
    loss_curve_ : list of float
        Mean training loss of each epoch.
    mean_, scale_ : ndarray [F]
    n_features_in_, n_iter_ : int

    Examples
    --------
    >>> import numpy as np
    >>> from indrnn_engine.estimators import IndRNNClassifier
    >>> random = np.random.default_rng(0)
    >>> X = [random.normal(size=(length, 3)) + (length > 9) for length in range(5, 15)] * 8
    >>> y = np.array([len(x) > 9 for x in X])
    >>> classifier = IndRNNClassifier(hidden_size=16, epochs=20, random_state=0).fit(X, y)
    >>> classifier.predict_proba(X[:3]).shape, classifier.score(X, y) > 0.9
    ((3, 2), True)
    """

    def fit(self, X: Any, y: Any) -> IndRNNClassifier:
        """Train on sequences X and their classes y [N].

        Raises
        ------
        ValueError
            X or y of a wrong form, or a single class.
        """
        _check_given(self, y)
        dataset = self._read(X, reset=True)
        y = validation.column_or_1d(y, warn=True)
        multiclass.check_classification_targets(y)
        validation.check_consistent_length(dataset.x, y)
        self.classes_, targets = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                "IndRNNClassifier needs samples of at least 2 classes, got only one class"
            )
        dataset = SequenceDataset(dataset.x, targets.astype(np.int64), dataset.lengths)
        self._train(self._standardized(dataset, reset=True), "classification", len(self.classes_))
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Give the probability of each class, [N, C]."""
        return self._output(X, "classification")

    def predict(self, X: Any) -> NDArray[Any]:
        """Give the likeliest class of each sequence, [N]."""
        validation.check_is_fitted(self, "network_")
        classes: NDArray[Any] = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return classes


class IndRNNRegressor(RegressorMixin, _IndRNN):  # type: ignore[misc]
    """Numbers for a sequence, by a stack of IndRNN layers.

    Parameters and attributes as for `IndRNNClassifier`; y is [N] or [N, O].

    Examples
    --------
    >>> import numpy as np
    >>> from indrnn_engine.estimators import IndRNNRegressor
    >>> X = np.random.default_rng(0).random((200, 12, 1))
    >>> regressor = IndRNNRegressor(hidden_size=16, random_state=0).fit(X, X.mean(axis=(1, 2)))
    >>> regressor.score(X, X.mean(axis=(1, 2))) > 0.9
    True
    """

    def fit(self, X: Any, y: Any) -> IndRNNRegressor:
        """Train on sequences X and their targets y.

        Raises
        ------
        ValueError
            X or y of a wrong form.
        """
        _check_given(self, y)
        dataset = self._read(X, reset=True)
        y = validation.check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
        validation.check_consistent_length(dataset.x, y)
        self._single = y.ndim == 1
        targets = y[:, None] if self._single else y
        self.target_mean_, self.target_scale_ = moments(type(self).__name__, "y", targets)
        targets = (targets - self.target_mean_) / self.target_scale_
        dataset = SequenceDataset(dataset.x, targets, dataset.lengths)
        self._train(self._standardized(dataset, reset=True), "regression", targets.shape[1])
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Give the targets, [N] or [N, O] as they were in `fit`."""
        values: NDArray[np.float64] = self._output(X, "regression")
        values = values * self.target_scale_ + self.target_mean_
        return values[:, 0] if self._single else values

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _check_given(estimator: object, y: object) -> None:
    not_masked(type(estimator).__name__, "y", y)
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is None"
        )


def _is_ragged(X: Any) -> bool:
    """Say whether X is a list of sequences that are arrays of their own."""
    if isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1 and len(X):
        return all(isinstance(piece, np.ndarray) for piece in X)
    if not isinstance(X, (list, tuple)) or len(X) == 0:
        return False
    if any(isinstance(piece, numbers.Number) for piece in X):
        return False
    shapes = {np.shape(piece)[:1] for piece in X if isinstance(piece, np.ndarray)}
    dimensions = {piece.ndim for piece in X if isinstance(piece, np.ndarray)}
    everything = all(isinstance(piece, np.ndarray) for piece in X)
    return everything and (dimensions == {2} or (dimensions == {1} and len(shapes) > 1))
