"""Optimizers and what goes with them: one fused native pass over all parameters.

A parameter whose name ends in "bias" or "weight_hh" is never decayed (the training rule of the
papers' authors).

Examples
--------
>>> import indrnn_engine as ie
>>> net = ie.Network([ie.nn.IndRNN(4)], input_size=2)
>>> adam = ie.optim.Adam(net)
>>> schedule = ie.optim.schedules.Cosine(1e-3, total_steps=100, warmup_steps=10)
>>> for step in range(3):
...     # net.zero_gradients(), net.forward, a loss and net.backward come here
...     adam.lr = schedule(step)
...     norm = ie.optim.clip_gradients(net, norm=1.0)
...     adam.step()
...     ie.optim.constrain_recurrent(net, bound=2 ** (1 / 784))
>>> adam.steps
3
"""

from __future__ import annotations

from . import schedules
from .adam import Adam
from .clipping import clip_gradients, constrain_recurrent
from .sgd import SGD

__all__ = ["SGD", "Adam", "clip_gradients", "constrain_recurrent", "schedules"]
