"""The authors' networks as PyTorch modules with the names of their state_dicts, without dropout.

Written from those names and the papers alone; the oracle of test_convert.py.
"""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
nn = torch.nn

GROWTH, BLOCKS, NUM_FIRST = 3, (3, 2, 2), 4


class Cell(nn.Module):
    """h_t = relu(z_t + u * h_{t-1})."""

    def __init__(self, size):
        super().__init__()
        self.weight_hh = nn.Parameter(torch.empty(size))

    def forward(self, z, run):
        h = run.next_state(z)
        outputs = []
        for z_t in z:
            h = torch.relu(z_t + self.weight_hh * h)
            outputs.append(h)
        run.final.append(h)
        return torch.stack(outputs)


class NormOverAll(nn.Module):
    """Statistics over all T * B samples of a feature."""

    def __init__(self, size):
        super().__init__()
        self.bn = nn.BatchNorm1d(size)

    def forward(self, x, run):
        return self.bn(x.flatten(0, 1)).view_as(x)


class NormOfSteps(nn.Module):
    """Statistics of each step over the batch; running ones by the step since the state was zero."""

    def __init__(self, size, time_steps):
        super().__init__()
        self.time_steps = time_steps
        self.weight = nn.Parameter(torch.empty(size))
        self.bias = nn.Parameter(torch.empty(size))
        self.register_buffer("running_mean", torch.empty(4 * time_steps + 1, size))
        self.register_buffer("running_var", torch.empty(4 * time_steps + 1, size))

    def forward(self, x, run):
        outputs = []
        for step, x_t in enumerate(x):
            row = min(run.start, 2 * self.time_steps) + step
            if self.training:
                mean, variance = x_t.mean(0), x_t.var(0, unbiased=False)
                with torch.no_grad():
                    self.running_mean[row] += 0.1 * (mean - self.running_mean[row])
                    unbiased = x_t.var(0, unbiased=True)
                    self.running_var[row] += 0.1 * (unbiased - self.running_var[row])
            else:
                mean, variance = self.running_mean[row], self.running_var[row]
            normal = (x_t - mean) / torch.sqrt(variance + 1e-5)
            outputs.append(normal * self.weight + self.bias)
        return torch.stack(outputs)


class Options:
    """Place and kind of the norms of one network."""

    def __init__(self, place, time_steps=None):
        self.place, self.time_steps = place, time_steps

    def norm(self, size):
        return NormOfSteps(size, self.time_steps) if self.time_steps else NormOverAll(size)


class CellWithNorm(nn.Module):
    def __init__(self, size, options):
        super().__init__()
        self.place = options.place
        if self.place == "before":
            self.norm1 = options.norm(size)
        self.indrnn1 = Cell(size)
        if self.place == "after":
            self.norm1 = options.norm(size)

    def forward(self, x, run):
        if self.place == "before":
            return self.indrnn1(self.norm1(x, run), run)
        return self.norm1(self.indrnn1(x, run), run)


class Projection(nn.Module):
    def __init__(self, features, size):
        super().__init__()
        self.fc = nn.Linear(features, size)

    def forward(self, x):
        return self.fc(x)


class ResidualBlock(nn.Module):
    def __init__(self, size, options):
        super().__init__()
        self.IndRNNwithBN1 = CellWithNorm(size, options)
        self.fc1 = Projection(size, size)
        self.IndRNNwithBN2 = CellWithNorm(size, options)
        self.fc2 = Projection(size, size)

    def forward(self, x, run):
        y = self.fc1(self.IndRNNwithBN1(x, run))
        return x + self.fc2(self.IndRNNwithBN2(y, run))


class DenseLayer(nn.Module):
    def __init__(self, features, options):
        super().__init__()
        self.fc1 = Projection(features, 4 * GROWTH)
        self.IndRNNwithBN1 = CellWithNorm(4 * GROWTH, options)
        self.fc2 = Projection(4 * GROWTH, GROWTH)
        self.IndRNNwithBN2 = CellWithNorm(GROWTH, options)

    def forward(self, x, run):
        y = self.IndRNNwithBN2(self.fc2(self.IndRNNwithBN1(self.fc1(x), run)), run)
        return torch.cat([x, y], dim=2)


class Transition(nn.Module):
    def __init__(self, features, size, options, recurrent="IndRNNwithBN", extra=False):
        super().__init__()
        self.fc = Projection(features, size)
        self.recurrent = recurrent
        self.add_module(recurrent, CellWithNorm(size, options))
        if extra:
            self.extra_bn = options.norm(size)

    def forward(self, x, run):
        y = getattr(self, self.recurrent)(self.fc(x), run)
        return self.extra_bn(y, run) if hasattr(self, "extra_bn") else y


class Run:
    """Initial states taken and final states left by the cells, in order of computation."""

    def __init__(self, initial=None, start=0):
        self.initial = None if initial is None else list(initial)
        self.final = []
        self.start = start

    def next_state(self, z):
        return torch.zeros_like(z[0]) if self.initial is None else self.initial.pop(0)


class Plain(nn.Module):
    def __init__(self, inputs, size, num_layers, options):
        super().__init__()
        sizes = [inputs] + [size] * (num_layers - 1)
        self.DIs = nn.ModuleList(Projection(features, size) for features in sizes)
        self.RNNs = nn.ModuleList(CellWithNorm(size, options) for _ in sizes)

    def run_layers(self, x, run):
        for projection, cell in zip(self.DIs, self.RNNs, strict=True):
            x = cell(projection(x), run)
        return x


class PlainClassifier(Plain):
    def __init__(self, inputs, size, num_layers, classes, options):
        super().__init__(inputs, size, num_layers, options)
        self.classifier = nn.Linear(size, classes)

    def forward(self, x, run):
        return self.classifier(self.run_layers(x, run)[-1])


class ResidualClassifier(nn.Module):
    def __init__(self, inputs, size, num_blocks, classes, options):
        super().__init__()
        self.features = nn.ModuleDict({"fc0": Projection(inputs, size)})
        for index in range(1, num_blocks + 1):
            self.features[f"resblock{index}"] = ResidualBlock(size, options)
        self.features["IndRNNwithBN_last"] = CellWithNorm(size, options)
        self.classifier = nn.Linear(size, classes)

    def forward(self, x, run):
        for name, part in self.features.items():
            x = part(x) if name == "fc0" else part(x, run)
        return self.classifier(x[-1])


class DenseClassifier(nn.Module):
    def __init__(self, inputs, classes, options, last=True):
        super().__init__()
        features = NUM_FIRST * GROWTH
        self.features = nn.ModuleDict({"fc0": Projection(inputs, features)})
        self.features["IndRNNwithBN0"] = CellWithNorm(features, options)
        for block, layers in enumerate(BLOCKS, start=1):
            members = nn.ModuleDict()
            for layer in range(1, layers + 1):
                members[f"denselayer{layer}"] = DenseLayer(features, options)
                features += GROWTH
            self.features[f"denseblock{block}"] = members
            is_last = block == len(BLOCKS)
            if not is_last or last:
                name = "lastlayer" if is_last else f"transition{block}"
                self.features[name] = Transition(features, features // 2, options)
                features //= 2
        self.classifier = nn.Linear(features, classes)

    def forward(self, x, run):
        for name, part in self.features.items():
            if name.startswith("denseblock"):
                for layer in part.values():
                    x = layer(x, run)
            else:
                x = part(x) if name == "fc0" else part(x, run)
        return self.classifier(x[-1])


class LanguageModel(nn.Module):
    """What the language models have in common: encoder, tied decoder, and the way to it."""

    def add_encoder(self, vocabulary, embedding):
        self.encoder = nn.Embedding(vocabulary, embedding)

    def add_way_out(self, size, embedding, options):
        self.last_fc = Projection(size, embedding)
        self.last_indrnn = CellWithNorm(embedding, options)
        if options.place == "before":
            self.extra_bn = options.norm(embedding)

    def add_decoder(self, vocabulary, embedding):
        self.decoder = nn.Linear(embedding, vocabulary)
        self.decoder.weight = self.encoder.weight

    def way_out(self, x, run):
        x = self.last_indrnn(self.last_fc(x), run)
        return self.extra_bn(x, run) if hasattr(self, "extra_bn") else x


class PlainLanguageModel(LanguageModel):
    def __init__(self, vocabulary, embedding, size, num_layers, options):
        super().__init__()
        self.add_encoder(vocabulary, embedding)
        plain = Plain(embedding, size, num_layers, options)
        self.DIs, self.RNNs = plain.DIs, plain.RNNs
        self.add_way_out(size, embedding, options)
        self.add_decoder(vocabulary, embedding)

    def forward(self, x, run):
        return self.decoder(self.way_out(Plain.run_layers(self, self.encoder(x), run), run))


class ResidualLanguageModel(LanguageModel):
    def __init__(self, vocabulary, embedding, size, num_blocks, options):
        super().__init__()
        self.add_encoder(vocabulary, embedding)
        self.fc0 = Projection(embedding, size)
        self.resblocks = nn.ModuleList(ResidualBlock(size, options) for _ in range(num_blocks))
        self.IndRNNwithBN_resfinal = CellWithNorm(size, options)
        self.add_way_out(size, embedding, options)
        self.add_decoder(vocabulary, embedding)

    def forward(self, x, run):
        x = self.fc0(self.encoder(x))
        for block in self.resblocks:
            x = block(x, run)
        return self.decoder(self.way_out(self.IndRNNwithBN_resfinal(x, run), run))


class DenseLanguageModel(LanguageModel):
    def __init__(self, vocabulary, embedding, options):
        super().__init__()
        self.add_encoder(vocabulary, embedding)
        features = embedding
        self.DenseBlocks, self.TransBlocks = nn.ModuleList(), nn.ModuleList()
        for block, layers in enumerate(BLOCKS):
            members = nn.Module()
            members.denselayers = nn.ModuleList()
            for _ in range(layers):
                members.denselayers.append(DenseLayer(features, options))
                features += GROWTH
            self.DenseBlocks.append(members)
            is_last = block == len(BLOCKS) - 1
            size = embedding if is_last else features // 2
            extra = is_last and options.place == "before"
            transition = Transition(features, size, options, "IndRNNwithBN1", extra)
            self.TransBlocks.append(transition)
            features = size
        self.add_decoder(vocabulary, embedding)

    def forward(self, x, run):
        x = self.encoder(x)
        for block, transition in zip(self.DenseBlocks, self.TransBlocks, strict=True):
            for layer in block.denselayers:
                x = layer(x, run)
            x = transition(x, run)
        return self.decoder(x)


def randomize(module, generator):
    """Random weights and running statistics, at which nothing vanishes or explodes.

    Biases are mostly positive: a feature that the ReLU makes zero in almost all samples has next to
    no variance, and a norm behind it magnifies rounding.
    """
    with torch.no_grad():
        for name, values in module.state_dict().items():
            if name.endswith("num_batches_tracked"):
                continue
            noise = torch.randn(values.shape, generator=generator, dtype=values.dtype)
            if name.endswith("running_var"):
                values.copy_(0.5 + noise.abs())
            elif name.endswith("weight_hh"):
                values.copy_(noise.clamp(-0.99, 0.99))
            elif values.ndim == 2 and name.endswith("weight"):
                values.copy_(noise / values.shape[1] ** 0.5)
            else:
                values.copy_(0.3 * noise + (0.5 if name.endswith("weight") else 0.8))
