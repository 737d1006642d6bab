"""What a trained network remembers: memory lengths, activations over time, networks of few neurons.

[C] Li et al., "Independently Recurrent Neural Network (IndRNN)", CVPR 2018, section 5.1.1.
"""

from __future__ import annotations

from .cut import keep_neurons
from .memory import memory_length, memory_ranking, recurrent_weight, recurrent_weights
from .plots import plot_activations, plot_recurrent_weights
from .record import record, truncate

__all__ = [
    "keep_neurons",
    "memory_length",
    "memory_ranking",
    "plot_activations",
    "plot_recurrent_weights",
    "record",
    "recurrent_weight",
    "recurrent_weights",
    "truncate",
]
