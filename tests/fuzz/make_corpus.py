"""Write the seeds of tests/fuzz/corpus/model_file: whole files, and files that lie."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import indrnn_engine as ie

CORPUS = Path(__file__).parent / "corpus" / "model_file"
nn = ie.nn
NETWORKS = {
    "linear": [nn.Linear(2)],
    "indrnn": [nn.IndRNN(3), nn.Dropout(0.5), nn.LastStep()],
    "embedding": [nn.Embedding(5, 3), nn.LayerNorm(), nn.TiedLinear()],
    "batch_norm": [nn.BatchNorm(), nn.Recurrence("tanh", zoneout=0.25), nn.BatchNorm("step", 2)],
    "containers": [
        nn.Residual([nn.Linear(2)]),
        nn.Concat([nn.TimeDifference()]),
        nn.MeanOverTime(),
    ],
    "bidirectional": [nn.Bidirectional([nn.Bidirectional([nn.IndRNN(2)])])],
}


def whole(name: str, dtype: str = "float32") -> bytes:
    return ie.Network(NETWORKS[name], input_size=2, dtype=dtype).to_bytes()


def with_header(data: bytes, old: str, new: str, count: int = -1) -> bytes:
    """Replace a text in the header, and correct its length."""
    (length,) = struct.unpack("<Q", data[:8])
    header = data[8 : 8 + length].decode().replace(old, new, count).encode()
    return struct.pack("<Q", len(header)) + header + data[8 + length :]


def nested(kind: str, depth: int) -> bytes:
    layer = '{"type":"LastStep"}'
    for _ in range(depth):
        layer = f'{{"type":"{kind}","layers":[{layer}]}}'
    metadata = {"format": "indrnn_engine", "format_version": "1"}
    metadata["network"] = f'{{"input_size":2,"layers":[{layer}]}}'
    header = json.dumps({"__metadata__": metadata}).encode()
    return struct.pack("<Q", len(header)) + header


def seeds() -> dict[str, bytes]:
    linear = whole("linear")
    files = {name: whole(name) for name in NETWORKS}
    files["float64"] = whole("indrnn", "float64")
    files["truncated"] = linear[:-3]
    files["no_data"] = linear[: len(linear) - 24]
    files["longer"] = linear + b"\0" * 4
    files["header_too_long"] = struct.pack("<Q", 2**63) + linear[8:]
    files["header_zero"] = struct.pack("<Q", 0) + linear[8:]
    files["terabytes"] = with_header(linear, r"\"size\":2", r"\"size\":2147483647")
    files["shape_overflow"] = with_header(linear, "[2,2]", "[4294967296,4294967296]")
    files["shape_negative"] = with_header(linear, "[2,2]", "[-2,-2]")
    files["shape_swapped"] = with_header(linear, "[2,2]", "[4,1]")
    files["offsets_overlap"] = with_header(linear, "[16,24]", "[8,16]")
    files["offsets_outside"] = with_header(linear, "[16,24]", "[16,9999999]")
    files["offsets_swapped"] = with_header(linear, "[16,24]", "[24,16]")
    files["name_twice"] = with_header(linear, "0.bias", "0.weight")
    files["name_other"] = with_header(linear, "0.bias", "0.offset")
    files["dtype_wrong"] = with_header(linear, '"F32"', '"I32"')
    files["dtype_unknown"] = with_header(linear, '"F32"', '"X"')
    files["version_2"] = with_header(linear, '"format_version":"1"', '"format_version":"2"')
    files["not_finite"] = with_header(linear, r"\"init_scale\":8.0", r"\"init_scale\":1e999")
    files["negative_size"] = with_header(linear, r"\"size\":2", r"\"size\":-2")
    files["nested_residual"] = nested("Residual", 100)
    files["nested_bidirectional"] = nested("Bidirectional", 30)
    files["deep_json"] = struct.pack("<Q", 5000) + b'{"a":' + b"[" * 4995
    return files


if __name__ == "__main__":
    CORPUS.mkdir(parents=True, exist_ok=True)
    for name, data in seeds().items():
        (CORPUS / name).write_bytes(data)
