"""Model files: round trip and hostile content."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

import indrnn_engine as ie

LAYERS = [ie.nn.IndRNN(6), ie.nn.BatchNorm(), ie.nn.Dropout(0.2), ie.nn.LastStep(), ie.nn.Linear(3)]


def network(dtype: str = "float32", layers: list[Any] | None = None) -> ie.Network:
    net = ie.Network(layers or LAYERS, input_size=2, dtype=dtype, seed=9)
    x = np.random.default_rng(0).normal(size=(5, 4, 2)).astype(dtype)
    net.forward(x if not net.takes_indices else np.zeros((5, 4), np.int64), training=True)
    return net


@pytest.fixture
def saved(tmp_path) -> Path:
    path = tmp_path / "model.safetensors"
    network().save(path)
    return path


def parts(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Tensors and metadata of a file."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    return safetensors.numpy.load(data), json.loads(data[8 : 8 + length])["__metadata__"]


def rewrite(path: Path, tensors: dict[str, np.ndarray], metadata: dict[str, str] | None) -> None:
    path.write_bytes(safetensors.numpy.save(tensors, metadata))


def refused(path: Path, message: str) -> None:
    with pytest.raises(ValueError, match=message) as raised:
        ie.Network.load(path)
    assert str(raised.value).startswith(f"[load] {path}")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "layers",
    [
        LAYERS,
        [ie.nn.Embedding(7, 4), ie.nn.IndRNN(5, bias=False)],
        [ie.nn.Embedding(7, 4), ie.nn.LayerNorm(), ie.nn.TiedLinear()],
        [ie.nn.LastStep()],
        [
            ie.nn.Concat([ie.nn.TimeDifference(), ie.nn.Residual([ie.nn.Linear(2)])]),
            ie.nn.Bidirectional([ie.nn.IndRNN(3), ie.nn.BatchNorm("step", 4)]),
            ie.nn.Concat([ie.nn.Bidirectional([ie.nn.Recurrence(), ie.nn.Linear(5)])]),
            ie.nn.MeanOverTime(),
            ie.nn.Linear(2),
        ],
    ],
    ids=["stack", "embedding", "tied", "no_parameters", "nested"],
)
def test_a_loaded_network_is_the_same_in_every_bit(tmp_path, dtype, layers):
    net = network(dtype, layers)
    path = tmp_path / "model.safetensors"
    net.save(path)
    loaded = ie.Network.load(path)
    assert loaded.layers == net.layers
    assert (loaded.input_size, loaded.dtype) == (net.input_size, net.dtype)
    assert loaded.random_state == net.random_state == (9, 1)
    np.testing.assert_array_equal(loaded.parameters, net.parameters)
    for name, view in net.named_buffers().items():
        np.testing.assert_array_equal(loaded.named_buffers()[name], view)
    assert not loaded.gradients.any()


def test_a_loaded_network_goes_on_training_alike(saved):
    net, loaded = network(), ie.Network.load(saved)
    x = np.random.default_rng(3).normal(size=(5, 4, 2)).astype(np.float32)
    for one in (net, loaded):
        y, _ = one.forward(x, training=True)
        one.backward(y)
    np.testing.assert_array_equal(loaded.gradients, net.gradients)


def test_the_file_holds_names_and_metadata_as_documented(saved):
    tensors, metadata = parts(saved)
    net = network()
    assert tensors.keys() == {*net.named_parameters(), *net.named_buffers()}
    assert metadata == {
        "format": "indrnn_engine",
        "format_version": "1",
        "network": net.to_json(),
        "random_state": "9,1",
    }


def test_metadata_of_the_user_comes_back(tmp_path):
    path = tmp_path / "model.safetensors"
    network().save(str(path), metadata={"task": "adding", "größe": "ü"})
    metadata = ie.files.read_metadata(path)
    assert (metadata["task"], metadata["größe"]) == ("adding", "ü")


@pytest.mark.parametrize(
    ("metadata", "error", "message"),
    [
        ({"format": "x"}, ValueError, "'format' is the format's own"),
        ({"network": "x"}, ValueError, "'network' is the format's own"),
        ({"epochs": 3}, TypeError, "metadata must map str to str, got 'epochs': 3"),
        ({3: "epochs"}, TypeError, "metadata must map str to str"),
        ("ab", TypeError, "metadata must map str to str, got str 'ab'"),
        ([("a", "b")], TypeError, "metadata must map str to str, got list"),
    ],
)
def test_metadata_that_cannot_be_kept_is_refused_and_nothing_written(
    tmp_path, metadata, error, message
):
    path = tmp_path / "model.safetensors"
    with pytest.raises(error, match=message):
        network().save(path, metadata)
    assert list(tmp_path.iterdir()) == []


class TestHostileFiles:
    def test_every_truncation_is_refused(self, saved):
        data = saved.read_bytes()
        for length in [*range(0, len(data) - 1, 37), len(data) - 1]:
            saved.write_bytes(data[:length])
            refused(saved, "not a valid safetensors file")

    def test_more_bytes_than_the_header_says_are_refused(self, saved):
        saved.write_bytes(saved.read_bytes() + b"\0" * 8)
        refused(saved, "not a valid safetensors file")

    def test_any_flipped_bit_of_the_header_gives_an_error_or_an_equal_network(self, saved):
        data = saved.read_bytes()
        (length,) = struct.unpack("<Q", data[:8])
        refusals = 0
        for position in range(8 + length):
            flipped = bytearray(data)
            flipped[position] ^= 1 << position % 8
            saved.write_bytes(flipped)
            try:
                loaded = ie.Network.load(saved)
            except ValueError as error:
                refusals += 1
                assert str(error).startswith(f"[load] {saved}")  # noqa: PT017
            else:  # a flip in a name of the metadata, a number's digit, ...
                assert loaded.num_parameters == network().num_parameters
        assert refusals > length // 2

    def test_random_bytes_are_refused(self, saved):
        rng = np.random.default_rng(0)
        for size in (1, 7, 8, 9, 100, 10_000):
            saved.write_bytes(rng.bytes(size))
            refused(saved, "not a valid safetensors file")

    def test_a_header_that_claims_to_be_enormous_is_refused(self, saved):
        for claim in (2**63, 2**64 - 1, 2**40, 10**8 + 1):
            saved.write_bytes(struct.pack("<Q", claim) + saved.read_bytes()[8:])
            refused(saved, "not a valid safetensors file")

    def test_another_programs_file_is_refused(self, saved):
        tensors, _ = parts(saved)
        for metadata in (None, {}, {"format": "pt"}):
            rewrite(saved, tensors, metadata)
            refused(saved, "not a network saved by indrnn_engine")

    @pytest.mark.parametrize("version", ["2", "0", "", None])
    def test_another_version_is_refused_with_its_number(self, saved, version):
        tensors, metadata = parts(saved)
        metadata = {key: value for key, value in metadata.items() if key != "format_version"}
        if version is not None:
            metadata["format_version"] = version
        rewrite(saved, tensors, metadata)
        refused(saved, f"format version is {version!r}; this release reads version '1'")

    def test_missing_tensors_are_named(self, saved):
        tensors, metadata = parts(saved)
        for name in tensors:
            rewrite(saved, {key: tensors[key] for key in tensors if key != name}, metadata)
            refused(saved, f"tensors are missing: {name}")

    def test_left_over_tensors_are_named(self, saved):
        tensors, metadata = parts(saved)
        rewrite(saved, {**tensors, "7.weight": np.zeros(3, np.float32)}, metadata)
        refused(saved, r"tensors that its layers do not have: 7\.weight")

    def test_wrong_shapes_and_dtypes_are_named(self, saved):
        tensors, metadata = parts(saved)
        for name, values in tensors.items():
            for wrong in (values.ravel()[:-1], values[None], np.concatenate([values, values])):
                rewrite(saved, {**tensors, name: wrong}, metadata)
                refused(saved, f"{name} must have shape")
            rewrite(saved, {**tensors, name: values.astype(np.float64)}, metadata)
            refused(saved, f"{name} must be F32, got F64")

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "[]",
            "{",
            "[" * 100_000,
            '{"layers": 3}',
            '{"layers": [{"type": "Perceptron"}], "input_size": 2}',
            '{"layers": [{"type": "Dropout", "p": 2.5}], "input_size": 2}',
            '{"layers": [{"type": "IndRNN", "size": "6"}], "input_size": 2}',
            '{"layers": [{"type": "IndRNN", "size": -6}], "input_size": 2}',
            '{"layers": [{"type": "LastStep"}], "input_size": 2, "dtype": "int4"}',
        ],
    )
    def test_layers_that_cannot_be_read_are_refused(self, saved, text):
        tensors, metadata = parts(saved)
        rewrite(saved, tensors, {**metadata, "network": text})
        refused(saved, "layer|JSON|size|dtype|p must")
        del metadata["network"]
        rewrite(saved, tensors, metadata)
        refused(saved, "no 'network'")

    @pytest.mark.parametrize(
        "layers",
        [
            [ie.nn.IndRNN(2**31)],
            [ie.nn.IndRNN(6), ie.nn.Linear(2**40)],
            [ie.nn.Linear(10**9), ie.nn.Linear(10**9)],
            [ie.nn.Embedding(10**12, 10**6)],
            [ie.nn.Linear(2**31 - 1)] * 3,
            [ie.nn.Embedding(2**31 - 1, 2**31 - 1)],
            [ie.nn.Linear(6), ie.nn.BatchNorm("step", 2**31 - 1)],
            [ie.nn.Residual([ie.nn.Linear(2**40), ie.nn.Linear(2)])],
            [ie.nn.Bidirectional([ie.nn.Concat([ie.nn.Linear(2**40)])])],
            [ie.nn.BatchNorm("step", 2**50)],
            [*[ie.nn.Concat([ie.nn.Dropout(0.0)])] * 50, ie.nn.LayerNorm()],
            [*[ie.nn.Concat([ie.nn.Dropout(0.0)])] * 50, ie.nn.Recurrence()],
            [*[ie.nn.Concat([ie.nn.Dropout(0.0)])] * 50, ie.nn.BatchNorm()],
        ],
    )
    def test_layers_larger_than_the_file_are_refused_before_memory_is_taken(self, saved, layers):
        tensors, metadata = parts(saved)
        document = {"layers": [ie.nn.to_dict(layer) for layer in layers], "input_size": 2}
        rewrite(saved, tensors, {**metadata, "network": json.dumps(document)})
        refused(
            saved,
            "must have shape|tensors are missing|below 2|less than 2|larger than any memory",
        )

    @pytest.mark.parametrize(
        "text", ["", "9", "9,1,1", "-1,0", "a,b", f"{2**64},0", "9," + "1" * 99]
    )
    def test_a_random_state_that_is_none_is_refused(self, saved, text):
        tensors, metadata = parts(saved)
        rewrite(saved, tensors, {**metadata, "random_state": text})
        refused(saved, "random state|seed must be|forwards must be")

    def test_a_file_that_is_not_there_is_an_os_error_with_its_path(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"nothing\.safetensors"):
            ie.Network.load(tmp_path / "nothing.safetensors")
        with pytest.raises(IsADirectoryError):
            ie.Network.load(tmp_path)


def test_bytes_are_those_of_the_file(saved):
    net = network()
    data = net.to_bytes()
    assert data == saved.read_bytes()
    for same in (data, bytearray(data), memoryview(b"." + data)[1:]):
        loaded = ie.Network.from_bytes(same)
        np.testing.assert_array_equal(loaded.parameters, net.parameters)
        assert loaded.to_bytes() == data
    with pytest.raises(ValueError, match=r"^\[load\] the given bytes: not a valid"):
        ie.Network.from_bytes(data[:-1])
    with pytest.raises(TypeError):
        ie.Network.from_bytes("text")


# Written by the first release; every later one reads it, to the same outputs.
VERSION_1 = Path(__file__).parents[1] / "data" / "model_version_1.safetensors"
VERSION_1_OUTPUT = [
    [-0.09743393957614899, 0.19799154996871948],
    [-0.14682607352733612, 0.18555708229541779],
    [-0.07961326837539673, 0.2025289237499237],
]


def test_a_file_of_version_1_is_read_for_ever():
    net = ie.Network.load(VERSION_1)
    assert ie.files.read_metadata(VERSION_1)["note"] == "Grüße"
    assert (net.input_size, net.num_parameters, net.random_state) == (2, 164, (11, 1))
    x = (np.arange(7 * 3 * 2, dtype=np.float32).reshape(7, 3, 2) % 5 - 2) / 4
    np.testing.assert_allclose(net.forward(x)[0], VERSION_1_OUTPUT, rtol=1e-5, atol=1e-6)
