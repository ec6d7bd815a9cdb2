"""The density of a run: understood at first and again later, evaluated, and its errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from foldstat import _core
from foldstat._validation import Floats, thread_count
from foldstat.walkers.density._adapters import as_value
from foldstat.walkers.density._understand import understand
from foldstat.walkers.density._understood import Understood

if TYPE_CHECKING:
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
    same = np.isclose(found, known, rtol=_SAME, atol=_SAME)
    if not same.all():
        walker = int(np.argmin(same))
        raise ValueError(
            f"density is not the one that the run walked over: where walker {walker} is its logarithm is "
            f"{found[walker]:.10g}, and it was {known[walker]:.10g}"
        )
    return understood


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
