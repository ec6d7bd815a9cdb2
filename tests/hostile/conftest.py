"""The process that hostile cases are forked from."""

from __future__ import annotations

import os

import pytest
from warmed import Warmed


@pytest.fixture(scope="session")
def warmed():
    """Runs a case in a process of its own, see `Warmed`."""
    if not hasattr(os, "fork"):
        pytest.skip("needs os.fork")
    runner = Warmed()
    yield runner
    runner.close()
