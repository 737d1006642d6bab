"""An experiment: data, network and training as one JSON document."""

from __future__ import annotations

import inspect
import platform
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..architectures import ARCHITECTURES, recurrent_bound
from ..data import SOURCES, Data
from .config import TrainingConfig, checked_fields

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..network import Network
    from ..nn import Layer

__all__ = ["Experiment", "ModelConfig", "environment", "layers_for"]


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """A network, but for what the data decide.

    Attributes
    ----------
    architecture : str
        A name of `indrnn_engine.architectures.ARCHITECTURES`.
    options : dict
        Arguments of that architecture; sizes of input and output, and the length, come from the
        data.
    dtype, device, storage : str
        As for `Network`.
    weights : str
        Of a model file that a new training starts from; empty: they are drawn by the seed.
    """

    architecture: str = "plain"
    options: dict[str, Any] = field(default_factory=dict)
    dtype: str = "float32"
    device: str = "cpu"
    storage: str = "full"
    weights: str = ""


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """What to train, on what, and how.

    Attributes
    ----------
    source : str
        A name of `indrnn_engine.data.SOURCES`.
    data : dict
        Arguments of the source; the seed is that of `training`.
    model : ModelConfig
    training : TrainingConfig

    Examples
    --------
    >>> import indrnn_engine as ie
    >>> experiment = ie.training.Experiment(
    ...     source="adding",
    ...     data={"time_steps": 20},
    ...     model=ie.training.ModelConfig(
    ...         options={"num_layers": 1, "hidden_size": 8, "batch_norm": None}
    ...     ),
    ...     training=ie.training.TrainingConfig(max_steps=3),
    ... )
    >>> ie.training.Experiment.from_dict(experiment.to_dict()) == experiment
    True
    >>> data = experiment.load_data()
    >>> experiment.make_network(data).num_parameters
    41
    """

    source: str
    data: dict[str, Any] = field(default_factory=dict)
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig

    def to_dict(self) -> dict[str, Any]:
        """Give all fields as a JSON object."""
        return asdict(self)

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Experiment:
        """Make it from a JSON object; unknown fields are errors.

        Raises
        ------
        ValueError
        """
        fields = checked_fields(cls, document, "experiment")
        if "source" not in fields or "training" not in fields:
            raise ValueError("[experiment] source and training must be given")
        fields["model"] = ModelConfig(
            **checked_fields(ModelConfig, fields.get("model", {}), "model")
        )
        fields["training"] = TrainingConfig.from_dict(fields["training"])
        return cls(**fields)

    def check_names(self) -> Callable[..., Data]:
        """Check source, architecture and the names of their options; gives the source's `load`.

        None of it needs the data, which may have to be downloaded first.

        Raises
        ------
        ValueError
        """
        load: Callable[..., Data] = _look_up(SOURCES, self.source, "source")
        _check_arguments(load, self.data, f"data of {self.source}")
        _architecture_of(self.model)
        return load

    def load_data(self, progress: Callable[[int, int], None] | None = None) -> Data:
        """Load the data.

        Parameters
        ----------
        progress : callable, optional
            Told (done, in all) by sources that take long.

        Raises
        ------
        ValueError, OSError
            Unknown source, architecture or option, or whatever the source finds wrong.
        """
        load = self.check_names()
        extra: dict[str, Any] = {"seed": self.training.seed, "dtype": self.model.dtype}
        if progress is not None and "progress" in inspect.signature(load).parameters:
            extra["progress"] = progress
        return load(**self.data, **extra)

    def make_network(self, data: Data) -> Network:
        """Make the network for these data, its weights drawn by the seed.

        Raises
        ------
        ValueError
            Unknown architecture or option, or an impossible value.
        """
        from ..network import Network

        layers, _ = layers_for(self.model, data)
        return Network(
            layers,
            input_size=data.input_size,
            dtype=self.model.dtype,
            device=self.model.device,
            seed=self.training.seed,
            storage=self.model.storage,
        )

    def bound(self, data: Data) -> float:
        """Give the bound on recurrent weights: the one configured, or magnitude^(1/T)."""
        if self.training.recurrent_bound is not None:
            return self.training.recurrent_bound
        return layers_for(self.model, data)[1]


def layers_for(model: ModelConfig, data: Data) -> tuple[list[Layer], float]:
    """Give the layers of a network for these data, and the bound on its recurrent weights.

    Raises
    ------
    ValueError
        Unknown architecture or option, or an impossible value.
    """
    architecture = _architecture_of(model)
    options = dict(model.options)
    bound = options.get("bound")
    if bound is None:
        bound = recurrent_bound(data.time_steps, options.get("magnitude", 2.0))
    if data.input_size is None:
        options |= {"num_embeddings": data.output_size, "last_step": False}
    layers = architecture(output_size=data.output_size, time_steps=data.time_steps, **options)
    return layers, float(bound)


def environment() -> dict[str, Any]:
    """Describe where a run takes place: versions, processor, threads."""
    import indrnn_engine

    return {
        "indrnn_engine": indrnn_engine.version(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "platform": platform.platform(),
        "instruction_set": indrnn_engine.instruction_set(),
        "threads": indrnn_engine.num_threads(),
    }


def _architecture_of(model: ModelConfig) -> Callable[..., list[Layer]]:
    architecture: Callable[..., list[Layer]] = _look_up(
        ARCHITECTURES, model.architecture, "architecture"
    )
    _check_arguments(architecture, model.options, f"architecture {model.architecture}")
    return architecture


def _look_up(table: Mapping[str, Any], name: str, what: str) -> Any:
    if name not in table:
        raise ValueError(
            f"[experiment] {what} must be one of {', '.join(sorted(table))}, got {name!r}"
        )
    return table[name]


def _check_arguments(function: Any, arguments: Mapping[str, Any], what: str) -> None:
    parameters = inspect.signature(function).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return
    known = [parameter.name for parameter in parameters]
    for name in arguments:
        if name not in known:
            raise ValueError(
                f"[experiment] {what} has no option {name!r}; known: {', '.join(known)}"
            )
