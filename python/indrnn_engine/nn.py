"""Layer specs: frozen values that say what a network is made of.

A spec holds no weights; `indrnn_engine.Network` makes them. `to_dict` and `from_dict` give its JSON
form, the same in Python, in C++ and in saved files. Which values a field may have (0 <= p < 1, a
known activation, ...) is checked when a network is made, with the layer named; the types of the
fields are checked here.

Letters in shapes: T time steps, B batch, F features; sequences are time-major, [T, B, F].
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from . import _checks

__all__ = [
    "BatchNorm",
    "Dropout",
    "Embedding",
    "IndRNN",
    "LastStep",
    "Layer",
    "Linear",
    "Recurrence",
    "from_dict",
    "layer_types",
    "to_dict",
]

_FIELD_CHECKS: dict[str, Callable[[str, str, object], Any]] = {
    "bool": _checks.boolean,
    "int": lambda operation, name, value: _checks.integer(
        operation, name, value, -_checks.INT64_MAX
    ),
    "float": _checks.finite,
    "str": _checks.text,
}


@dataclass(frozen=True)
class Layer:
    """Base of all layer specs; not a layer itself."""

    def __post_init__(self) -> None:
        if type(self) is Layer:
            raise TypeError("[nn.Layer] is the base of the layer specs; use one of " + _known())
        for field in dataclasses.fields(self):
            check = _FIELD_CHECKS[str(field.type)]
            operation = f"nn.{type(self).__name__}"
            value = check(operation, field.name, getattr(self, field.name))
            object.__setattr__(self, field.name, value)


@dataclass(frozen=True)
class Embedding(Layer):
    """Learned vectors: int64 indices [T, B] -> [T, B, size]. Only as a first layer.

    Parameters
    ----------
    num : int
        How many vectors there are; an index lies in [0, num).
    size : int
        Features of each vector.
    init : str, default "uniform"
        Start of the weights, as for `Linear`.
    init_scale : float, default 0.01
        Its scale.

    Examples
    --------
    >>> import numpy as np
    >>> import indrnn_engine as ie
    >>> net = ie.Network([ie.nn.Embedding(65, 16), ie.nn.IndRNN(32)])
    >>> y, state = net.forward(np.array([[3], [64]]))
    >>> y.shape
    (2, 1, 32)
    """

    num: int
    size: int
    init: str = "uniform"
    init_scale: float = 0.01


@dataclass(frozen=True)
class Linear(Layer):
    """y = W x + b, with `weight` [size, F] and `bias` [size].

    Parameters
    ----------
    size : int
        Features of the output.
    bias : bool, default True
        Whether there is a bias; it starts at 0.
    init : str, default "kaiming_uniform"
        Start of the weights: "kaiming_uniform" or "kaiming_normal" (`init_scale` is the negative
        slope a), "uniform" (from -init_scale to init_scale) or "normal" (standard deviation
        init_scale).
    init_scale : float, default 8.0
        See `init`; the default is that of the authors' code.

    Examples
    --------
    >>> import indrnn_engine as ie
    >>> ie.nn.Linear(10, init="normal", init_scale=0.1)
    Linear(size=10, bias=True, init='normal', init_scale=0.1)
    """

    size: int
    bias: bool = True
    init: str = "kaiming_uniform"
    init_scale: float = 8.0


@dataclass(frozen=True)
class Recurrence(Layer):
    """h_t = act(z_t + u * h_{t-1}), with u = `weight_hh` [F].

    Parameters
    ----------
    activation : str, default "relu"
        "relu", "tanh", "sigmoid" or "identity".
    init_low, init_high : float, default 0.0 and 1.0
        u starts from the uniform distribution between them.

    Examples
    --------
    A network that remembers for about 784 steps (Li et al., CVPR 2018, section 4):

    >>> import indrnn_engine as ie
    >>> layers = [ie.nn.Linear(8), ie.nn.Recurrence(init_high=5 ** (1 / 784))]
    >>> list(ie.Network(layers, input_size=1).named_parameters())
    ['0.weight', '0.bias', '1.weight_hh']
    """

    activation: str = "relu"
    init_low: float = 0.0
    init_high: float = 1.0


@dataclass(frozen=True)
class IndRNN(Layer):
    """`Linear` followed by `Recurrence`: h_t = act(W x_t + b + u * h_{t-1}).

    Parameters
    ----------
    size : int
        Number of neurons.
    activation : str, default "relu"
        "relu", "tanh", "sigmoid" or "identity".
    bias : bool, default True
        Whether there is a bias; it starts at 0.
    init, init_scale
        Start of `weight` [size, F], as for `Linear`.
    init_low, init_high : float, default 0.0 and 1.0
        Start of `weight_hh` [size], as for `Recurrence`.

    Examples
    --------
    >>> import indrnn_engine as ie
    >>> list(ie.Network([ie.nn.IndRNN(8)], input_size=2).named_parameters())
    ['0.weight', '0.bias', '0.weight_hh']
    """

    size: int
    activation: str = "relu"
    bias: bool = True
    init: str = "kaiming_uniform"
    init_scale: float = 8.0
    init_low: float = 0.0
    init_high: float = 1.0


@dataclass(frozen=True)
class BatchNorm(Layer):
    """y = (x - mean) / sqrt(variance + epsilon) * weight + bias, per feature.

    In training, mean and variance are those of the batch (steps past a sequence's length do not
    count), and the buffers follow: running += momentum * (batch - running), with the unbiased
    variance. Otherwise the buffers `running_mean` and `running_var` are used.

    Parameters
    ----------
    mode : str, default "sequence"
        "sequence": one mean and variance per feature, over T * B samples.
    momentum : float, default 0.1
        Share of the new batch in the running statistics.
    epsilon : float, default 1e-5
        Added to the variance.

    Examples
    --------
    >>> import indrnn_engine as ie
    >>> net = ie.Network([ie.nn.IndRNN(8), ie.nn.BatchNorm()], input_size=2)
    >>> list(net.named_buffers())
    ['1.running_mean', '1.running_var']
    """

    mode: str = "sequence"
    momentum: float = 0.1
    epsilon: float = 1e-5


@dataclass(frozen=True)
class Dropout(Layer):
    """In training, zero features of a sample for the whole sequence.

    Each with probability p; the rest is scaled by 1 / (1 - p).

    Parameters
    ----------
    p : float, default 0.5
        Probability in [0, 1).

    Examples
    --------
    One mask for all steps:

    >>> import numpy as np
    >>> import indrnn_engine as ie
    >>> net = ie.Network([ie.nn.Dropout(0.5)], input_size=64, seed=1)
    >>> y, _ = net.forward(np.ones((2, 1, 64), np.float32), training=True)
    >>> bool(np.array_equal(y[0], y[1])), np.unique(y).tolist()
    (True, [0.0, 2.0])
    """

    p: float = 0.5


@dataclass(frozen=True)
class LastStep(Layer):
    """[T, B, F] -> [B, F]: the last real step of each sequence, by its length.

    Examples
    --------
    >>> import numpy as np
    >>> import indrnn_engine as ie
    >>> net = ie.Network([ie.nn.LastStep()], input_size=1)
    >>> x = np.arange(6, dtype=np.float32).reshape(3, 2, 1)
    >>> net.forward(x, lengths=np.array([3, 1]))[0].ravel().tolist()
    [4.0, 1.0]
    """


# Every layer there is: adding one is a class above and its name here.
_LAYER_TYPES: dict[str, type[Layer]] = {
    spec.__name__: spec
    for spec in (Embedding, Linear, Recurrence, IndRNN, BatchNorm, Dropout, LastStep)
}


def _known() -> str:
    return ", ".join(_LAYER_TYPES)


def layer_types() -> dict[str, type[Layer]]:
    """All layer specs by the name that `to_dict` writes under "type".

    Examples
    --------
    >>> import indrnn_engine as ie
    >>> ie.nn.layer_types()["Dropout"](p=0.1)
    Dropout(p=0.1)
    """
    return dict(_LAYER_TYPES)


def to_dict(spec: Layer) -> dict[str, Any]:
    """Return the JSON form of a spec: its type and all its fields.

    Parameters
    ----------
    spec : Layer
        Any layer spec.

    Returns
    -------
    dict
        {"type": ..., field: value, ...}; `from_dict` reads it back equal.

    Raises
    ------
    TypeError
        If `spec` is no layer spec.

    Examples
    --------
    >>> import indrnn_engine as ie
    >>> ie.nn.to_dict(ie.nn.Dropout(p=0.25))
    {'type': 'Dropout', 'p': 0.25}
    """
    if not isinstance(spec, Layer):
        raise TypeError(f"[nn.to_dict] spec must be a layer spec, got {spec!r}")
    fields = {field.name: getattr(spec, field.name) for field in dataclasses.fields(spec)}
    return {"type": type(spec).__name__, **fields}


def from_dict(values: Mapping[str, Any]) -> Layer:
    """Return the spec whose JSON form is given; fields with a default may be left out.

    Parameters
    ----------
    values : mapping
        {"type": ..., field: value, ...}, as `to_dict` gives.

    Returns
    -------
    Layer

    Raises
    ------
    ValueError
        For an unknown type (the known ones are listed), an unknown field or a missing one.
    TypeError
        If `values` is no mapping or a field has the wrong type.

    Examples
    --------
    >>> import indrnn_engine as ie
    >>> ie.nn.from_dict({"type": "Linear", "size": 10})
    Linear(size=10, bias=True, init='kaiming_uniform', init_scale=8.0)
    """
    if not isinstance(values, Mapping):
        raise TypeError(f"[nn.from_dict] a layer must be a mapping with a type, got {values!r}")
    name = values.get("type")
    if not isinstance(name, str) or name not in _LAYER_TYPES:
        raise ValueError(
            f"[nn.from_dict] unknown layer type {name!r}; the known types are {_known()}"
        )
    spec = _LAYER_TYPES[name]
    fields = {field.name: field for field in dataclasses.fields(spec)}
    given = {key: value for key, value in values.items() if key != "type"}
    for key in given:
        if key not in fields:
            known = ", ".join(fields) or "none"
            raise ValueError(f"[nn.from_dict] {name} has no field {key!r}; its fields are {known}")
    for key, field in fields.items():
        if key not in given and field.default is dataclasses.MISSING:
            raise ValueError(f"[nn.from_dict] {name} needs the field {key!r}")
    return spec(**given)
