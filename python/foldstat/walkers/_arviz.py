"""Runs for ArviZ, whose version 1 takes and gives other types than those before it."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from foldstat import _core

if TYPE_CHECKING:
    from foldstat.walkers._run import Run

_VARIABLE = "x"
_DIMENSION = "dimension"
_ITS_OWN = ("chain", "draw")  # dimensions of all its variables, which cannot be called like that


def to_arviz(run: Run) -> Any:
    """Make what the installed ArviZ works with."""
    for name in run.names:
        if name in _ITS_OWN:
            raise ValueError(
                f"to_arviz(): the name {name!r} is that of a dimension in ArviZ, which has no room for a coordinate "
                "called like that; give another one, sample(..., names=[...])"
            )
    try:
        with warnings.catch_warnings():
            # ArviZ 0.23 announces on import that version 1 will be different: it is provided for below.
            warnings.simplefilter("ignore", FutureWarning)
            import arviz
    except ImportError as error:
        raise ImportError('to_arviz needs ArviZ, which is not installed: pip install "foldstat[arviz]"') from error
    draws = run.draws
    if run._settings.names.given:
        posterior = {name: draws[..., i] for i, name in enumerate(run.names)}
        labels: dict[str, Any] = {}
    else:
        posterior = {_VARIABLE: draws}
        labels = {"dims": {_VARIABLE: [_DIMENSION]}, "coords": {_DIMENSION: np.arange(run.n_dims)}}
    rates = np.broadcast_to(run.acceptance_rate[:, None], draws.shape[:2])
    stats = {"lp": run.log_density, "acceptance_rate": rates}
    if int(arviz.__version__.split(".")[0]) < 1:
        with warnings.catch_warnings():
            # Thousands of walkers with few draws each are no mistake here.
            warnings.filterwarnings("ignore", "More chains .* than draws", UserWarning)
            about: dict[str, Any] = {f"{group}_attrs": _attributes(run) for group in ("posterior", "sample_stats")}
            return arviz.from_dict(posterior=posterior, sample_stats=stats, **about, **labels)
    groups = {"posterior": posterior, "sample_stats": stats}
    attributes = {name: _attributes(run) for name in groups}
    return arviz.from_dict(groups, attrs=attributes, **labels)


def _attributes(run: Run) -> dict[str, Any]:
    return {
        "inference_library": "foldstat",
        "inference_library_version": _core.__version__,
        "density_kind": run.density_kind,
        "move": repr(run.move),
        "burn_in": run.burn_in,
        "thin": run.thin,
    }
