"""Values of a density, and its errors."""

from __future__ import annotations

import numpy as np

from foldstat import _core
from foldstat._common.arrays import Floats
from foldstat._common.threads import thread_count
from foldstat.walkers.density._understood import Understood


def log_densities(density: Understood, points: Floats, log: bool) -> Floats:
    """Evaluate the logarithm of a density at rows of points."""
    values = np.empty(len(points))
    with OwnErrors(density):
        density.compiled.evaluate(np.ascontiguousarray(points), values, thread_count(None))
    if not log:
        with np.errstate(divide="ignore"):  # a density of zero
            values = np.log(values)
    return values


class OwnErrors:
    """Lets the user's own exception come out where only a compiled function's status is known."""

    # A class, as contextlib's decorator writes to exceptions, which some do not allow.
    def __init__(self, density: Understood) -> None:
        self._density = density

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, _core.DensityStatusError) or self._density.call_original is None:
            return
        try:
            self._density.reproduce(error.point)
        except Exception as own:
            for note in getattr(error, "__notes__", ()):
                own.add_note(note)
            raise own from None
