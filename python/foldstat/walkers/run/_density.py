"""The density of a run, given again."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from foldstat import _core
from foldstat._common.arrays import Floats
from foldstat.walkers.density import Understood, as_value, log_densities, understand
from foldstat.walkers.run._settings import Settings

_SAME = 1e-9  # how far log-densities of one function may be apart, compiled and not


def understand_again(
    settings: Settings, ensemble: _core.WalkerEnsemble, density: Any, args: tuple[Any, ...], call: Any, where: Any
) -> Understood:
    """Take the density of a run once more, and see that it is the same."""
    names = settings.names.labels if settings.names.given else None
    here = ensemble.positions
    understood = understand(
        as_value(density),
        here,
        log=settings.log,
        args=args,
        call=call,
        where=where,
        names=names,
        bounds=settings.bounds,
    )
    found, known = log_densities(understood, here, settings.log), ensemble.log_densities
    same = is_same(found, known)
    if not same.all():
        walker = int(np.argmin(same))
        raise ValueError(
            f"density is not the one that the run walked over: where walker {walker} is its logarithm is "
            f"{found[walker]:.10g}, and it was {known[walker]:.10g}"
        )
    return understood


def is_same(found: Floats, known: Floats) -> NDArray[np.bool_]:
    """Tell where log-densities are those of one function, however it was called."""
    return np.isclose(found, known, rtol=_SAME, atol=_SAME)
