"""The experiments of the papers, each a readable .toml file in this folder.

A file says what it is (task, network, published result), and holds an experiment: `source`,
`[data]`, `[model]`, `[model.options]`, `[training]`, as `indrnn_engine.training.Experiment` has
them; "none" stands for None. `[smoke.*]` are the values of a size that runs within a minute.
"""

from __future__ import annotations

from .recipe import Recipe, load, names

__all__ = ["Recipe", "load", "names"]
