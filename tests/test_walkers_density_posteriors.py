"""Published posteriors, written by others as plain Python: each is understood as it is meant, and compiled."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from foldstat.walkers.density import understand

pytest.importorskip("numba")

POSTERIORS = json.loads((Path(__file__).parent / "reference" / "posteriors.json").read_text())["posteriors"]

# Left to Python, and what is told of why.
STD = "numba: it does not know std with these arguments: write it out (line 10)"  # that is ddof=1
NOT_COMPILED = {
    "earnings-logearn_interaction_z": STD,
    "kidiq_with_mom_work-kidscore_interaction_z": STD,
    "arK-arK": "numba: mu is of type float64 at first, and array(float64, 1d, C) later: give it one type (line 11)",
}


def read(posterior):
    """The density, its data in the order of its arguments, and the bounds."""
    scope: dict[str, object] = {}
    exec(compile(posterior["source"], posterior["name"], "exec"), scope)
    args = tuple(
        np.array(value, dtype=posterior["data_dtypes"].get(name)) if isinstance(value, list) else value
        for name, value in ((name, posterior["data"][name]) for name in posterior["args"])
    )
    limits = [(-np.inf if low is None else low, np.inf if high is None else high) for low, high in posterior["bounds"]]
    return scope["log_density"], args, np.array(limits, dtype=float)


@pytest.mark.parametrize("posterior", POSTERIORS, ids=lambda posterior: posterior["name"])
def test_a_posterior_is_understood(posterior):
    density, args, bounds = read(posterior)
    starts = np.array(posterior["starts"], dtype=float)
    understood = understand(density, starts, args=args, bounds=bounds)
    why = NOT_COMPILED.get(posterior["name"])
    if why is None:
        kind = "f(x)" if posterior["dimension"] == 1 and "f(x)" in understood.kind else "f(point)"
        assert understood.kind == f"compiled by numba: {kind}"
    else:
        assert understood.kind == f"Python callable: f(point) (not compiled: {why})"
    found = np.empty(len(starts))
    understood.compiled.evaluate(starts, found, 1)
    np.testing.assert_allclose(found, [float(density(point, *args)) for point in starts], rtol=1e-9)
