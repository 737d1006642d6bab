"""Settings of the whole suite; shared helpers are in harness.py, the oracle in reference/."""

from __future__ import annotations

from typing import TYPE_CHECKING

import hypothesis
import numpy as np
import pytest

import indrnn_engine as ie

if TYPE_CHECKING:
    from collections.abc import Iterator

# The same examples in every run, and no time limit on a busy machine.
hypothesis.settings.register_profile("suite", derandomize=True, deadline=None, max_examples=40)
# For a search now and then: pytest --hypothesis-profile=search
hypothesis.settings.register_profile("search", deadline=None, max_examples=3000)
hypothesis.settings.load_profile("suite")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20180311)


@pytest.fixture
def threads() -> Iterator[None]:
    """For tests that change the number of threads: puts it back."""
    before = ie.num_threads()
    yield
    ie.set_num_threads(before)
