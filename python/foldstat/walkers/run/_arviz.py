"""Runs for ArviZ, whose version 1 takes and gives other types than those before it."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from foldstat.walkers.run._labelled import attributes, labelled
from foldstat.walkers.run._walked import Walked


def to_arviz(run: Walked) -> Any:
    """Make what the installed ArviZ works with."""
    named = labelled(run, "to_arviz()", "ArviZ")
    try:
        with warnings.catch_warnings():
            # ArviZ 0.23 announces on import that version 1 will be different: it is provided for below.
            warnings.simplefilter("ignore", FutureWarning)
            import arviz
    except ImportError as error:
        raise ImportError('to_arviz needs ArviZ, which is not installed: pip install "foldstat[arviz]"') from error
    rates = np.broadcast_to(run.acceptance_rate[:, None], run.log_density.shape)
    groups: dict[str, Any] = {
        "posterior": named.variables,
        "sample_stats": {"lp": run.log_density, "acceptance_rate": rates},
    }
    labels: dict[str, Any] = {"dims": named.dims, "coords": named.coords} if named.dims else {}
    if int(arviz.__version__.split(".")[0]) < 1:
        with warnings.catch_warnings():
            # Thousands of walkers with few draws each are no mistake here.
            warnings.filterwarnings("ignore", "More chains .* than draws", UserWarning)
            about: dict[str, Any] = {f"{group}_attrs": attributes(run) for group in groups}
            return arviz.from_dict(**groups, **about, **labels)
    return arviz.from_dict(groups, attrs={group: attributes(run) for group in groups}, **labels)
