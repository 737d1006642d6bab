"""Networks for other runtimes: ONNX, for inference. Needs the extra `export`."""

from __future__ import annotations

from .onnx_model import to_onnx

__all__ = ["to_onnx"]
