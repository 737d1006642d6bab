"""The networks of the IndRNN papers, as lists of layer specs for `indrnn_engine.Network`.

Sources: [C] Li et al., "Independently Recurrent Neural Network (IndRNN)", CVPR 2018; [D] Li et al.,
"Deep Independently Recurrent Neural Network", 2019; [R] the PyTorch code the authors released.
"""

from __future__ import annotations

from .common import recurrent_bound
from .dense import dense
from .plain import plain
from .residual import residual

__all__ = ["ARCHITECTURES", "dense", "plain", "recurrent_bound", "residual"]

ARCHITECTURES = {"plain": plain, "residual": residual, "dense": dense}
"""Every architecture by the name that configurations use."""
