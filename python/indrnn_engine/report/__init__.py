"""Runs as one web page: curves, memory of the layers, confusion, text, configuration."""

from __future__ import annotations

from .collect import collect, collect_runs
from .page import render, write

__all__ = ["collect", "collect_runs", "render", "write"]
