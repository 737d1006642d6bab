"""The authors' networks with other names or features: the plain ones of 2018, time differences.

Written from the names of their state_dicts and the papers alone; the oracle of
test_convert_variants.py.
"""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from released_networks import (  # noqa: E402
    BLOCKS,
    GROWTH,
    NUM_FIRST,
    Cell,
    CellWithNorm,
    NormOverAll,
    Projection,
)

nn = torch.nn


class CellWithoutCuda(nn.Module):
    """The recurrence as it was run without CUDA: weights a level deeper, and a zero state."""

    def __init__(self, size):
        super().__init__()
        self.cells = nn.ModuleList([Cell(size)])
        self.register_buffer("h0", torch.zeros(size))

    def forward(self, z, run):
        return self.cells[0](z, run)


class OlderPlainClassifier(nn.Module):
    """Linear, recurrence, norm over all T * B samples; the last step is read."""

    def __init__(self, inputs, size, num_layers, classes, cell=Cell):
        super().__init__()
        sizes = [inputs] + [size] * (num_layers - 1)
        self.DIs = nn.ModuleList(nn.Linear(features, size) for features in sizes)
        self.BNs = nn.ModuleList(NormOverAll(size) for _ in sizes)
        self.RNNs = nn.ModuleList(cell(size) for _ in sizes)
        self.lastfc = nn.Linear(size, classes)

    def forward(self, x, run):
        for linear, norm, cell in zip(self.DIs, self.BNs, self.RNNs, strict=True):
            x = norm(cell(linear(x), run), run)
        return self.lastfc(x[-1])


def with_difference(x):
    """x and its difference in time, the first of which is the first step."""
    return torch.cat([x, torch.cat([x[:1], x[1:] - x[:-1]])], dim=2)


class DifferencesLayer(nn.Module):
    def __init__(self, features, options):
        super().__init__()
        self.fc1 = Projection(features, 4 * GROWTH)
        self.IndRNNwithBN1 = CellWithNorm(4 * GROWTH, options)
        self.fc2 = Projection(8 * GROWTH, GROWTH)
        self.IndRNNwithBN2 = CellWithNorm(GROWTH, options)

    def forward(self, x, run):
        y = with_difference(self.IndRNNwithBN1(self.fc1(x), run))
        return torch.cat([x, with_difference(self.IndRNNwithBN2(self.fc2(y), run))], dim=2)


class DifferencesTransition(nn.Module):
    def __init__(self, features, size, options):
        super().__init__()
        self.fc = Projection(features, size)
        self.IndRNNwithBN = CellWithNorm(size, options)

    def forward(self, x, run):
        return with_difference(self.IndRNNwithBN(self.fc(x), run))


class DifferencesClassifier(nn.Module):
    """Dense, with differences at the input and behind every recurrence."""

    def __init__(self, inputs, classes, options, last=True):
        super().__init__()
        features = NUM_FIRST * GROWTH
        self.features = nn.ModuleDict({"fc0": Projection(2 * inputs, features)})
        self.features["IndRNNwithBN0"] = CellWithNorm(features, options)
        for block, layers in enumerate(BLOCKS, start=1):
            members = nn.ModuleDict()
            for layer in range(1, layers + 1):
                members[f"denselayer{layer}"] = DifferencesLayer(2 * features, options)
                features += GROWTH
            self.features[f"denseblock{block}"] = members
            is_last = block == len(BLOCKS)
            if not is_last or last:
                name = "lastlayer" if is_last else f"transition{block}"
                size = features // 2
                self.features[name] = DifferencesTransition(2 * features, size, options)
                features = size
        self.classifier = nn.Linear(2 * features, classes)

    def forward(self, x, run):
        x = with_difference(x)
        for name, part in self.features.items():
            if name == "fc0":
                x = part(x)
            elif name == "IndRNNwithBN0":
                x = with_difference(part(x, run))
            elif name.startswith("denseblock"):
                for layer in part.values():
                    x = layer(x, run)
            else:
                x = part(x, run)
        return self.classifier(x[-1])
