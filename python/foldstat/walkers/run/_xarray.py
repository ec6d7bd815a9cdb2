"""Runs for xarray."""

from __future__ import annotations

from typing import Any

import numpy as np

from foldstat.walkers.run._labelled import CHAIN, DRAW, attributes, labelled
from foldstat.walkers.run._walked import Walked


def to_xarray(run: Walked) -> Any:
    """Make a data set."""
    named = labelled(run, "to_xarray()", "xarray")
    try:
        import xarray
    except ImportError as error:
        raise ImportError('to_xarray needs xarray, which is not installed: pip install "foldstat[xarray]"') from error
    numbers = {CHAIN: np.arange(run.n_walkers), DRAW: np.arange(run.n_draws)}
    variables = {name: ([CHAIN, DRAW, *named.dims.get(name, ())], values) for name, values in named.variables.items()}
    return xarray.Dataset(variables, coords=numbers | named.coords, attrs=attributes(run))
