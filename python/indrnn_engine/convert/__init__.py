"""Networks of other programs, read and written under their own names."""

from __future__ import annotations

from .indrnn_pytorch import from_indrnn_pytorch, to_indrnn_pytorch

__all__ = ["from_indrnn_pytorch", "to_indrnn_pytorch"]
