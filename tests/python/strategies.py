"""Random networks and shapes for hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

from harness import Shape
from indrnn_engine import nn

INPUT_SIZE = 3
ACTIVATIONS = st.sampled_from(["relu", "tanh", "sigmoid", "identity"])
SIZES = st.one_of(st.integers(1, 6), st.sampled_from([1, 15, 16, 17, 33]))
CHANCES = st.sampled_from([0.0, 0.2, 0.6])

# These work on a sequence and on the one step behind LastStep.
pointwise = st.one_of(
    st.builds(nn.Linear, SIZES, bias=st.booleans()),
    st.builds(nn.BatchNorm),
    st.builds(nn.LayerNorm),
    st.builds(nn.Dropout, CHANCES),
)
in_time = st.one_of(
    pointwise,
    st.builds(nn.Recurrence, ACTIVATIONS, zoneout=CHANCES),
    st.builds(nn.IndRNN, SIZES, ACTIVATIONS, bias=st.booleans(), zoneout=CHANCES),
    st.builds(nn.BatchNorm, st.just("step"), time_steps=st.integers(4, 6)),
    st.just(nn.TimeDifference()),
)


def size_after(layers, features):
    """Features that come out of `layers` for so many that go in."""
    for layer in layers:
        if isinstance(layer, nn.Concat):
            features += size_after(layer.layers, features)
        elif isinstance(layer, nn.Bidirectional):
            features = 2 * size_after(layer.layers, features)
        else:
            features = getattr(layer, "size", features)
    return features


@st.composite
def sequences(draw, features=INPUT_SIZE, least=1, depth=2, turned=True):
    """Layers from a sequence of `features` to a sequence; `turned`: some may read backwards."""
    layers = []
    for _ in range(draw(st.integers(least, 3))):
        kinds = ["simple", "simple", "residual", "concat", *(["bidirectional"] if turned else [])]
        kind = draw(st.sampled_from(kinds)) if depth > 0 else "simple"
        if kind == "simple":
            layers.append(draw(in_time))
            features = size_after(layers[-1:], features)
            continue
        inner = draw(sequences(features, least=1, depth=depth - 1, turned=turned))
        if kind == "residual":
            layers.append(nn.Residual([*inner, nn.Linear(features)]))
        else:
            layers.append((nn.Concat if kind == "concat" else nn.Bidirectional)(inner))
        features = size_after(layers[-1:], features)
    return layers


@st.composite
def sequence_stacks(draw, turned=True):
    """Whole networks that give [T, B, O]."""
    if not draw(st.booleans()):
        return draw(sequences(turned=turned))
    size = draw(SIZES)
    first = nn.Embedding(draw(st.integers(1, 7)), size, row_dropout=draw(CHANCES))
    layers = [first, *draw(sequences(size, least=0, turned=turned))]
    return [*layers, nn.Linear(size), nn.TiedLinear()] if draw(st.booleans()) else layers


@st.composite
def stacks(draw, turned=True, ends=(nn.LastStep, nn.MeanOverTime)):
    """Whole networks that give [T, B, O] or [B, O]."""
    layers = draw(sequence_stacks(turned=turned))
    if draw(st.booleans()):
        layers += [draw(st.sampled_from(ends))(), *draw(st.lists(pointwise, max_size=2))]
    return layers


@st.composite
def shapes(draw, most_steps=8):
    steps, batch = draw(st.integers(1, most_steps)), draw(st.one_of(st.integers(1, 6), st.just(17)))
    lengths = draw(st.none() | st.lists(st.integers(0, steps), min_size=batch, max_size=batch))
    return Shape(steps, batch, lengths, resets=draw(st.booleans()), states=draw(st.booleans()))


def contains(layers, predicate):
    """Whether a layer, at any depth, is such a one."""
    return any(
        predicate(layer) or contains(getattr(layer, "layers", ()), predicate) for layer in layers
    )
