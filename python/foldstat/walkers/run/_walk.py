"""Walking: what `sample` and `extend` share, and what is left when it stops early."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterator
from typing import TypeAlias, TypeVar

from foldstat import _core
from foldstat._common.arrays import Floats
from foldstat.walkers.density import OwnErrors, Understood
from foldstat.walkers.run._converged import NotConvergedWarning, advice
from foldstat.walkers.run._progress import ProgressBar, WorstRHat, no_r_hat, worst_r_hat_of
from foldstat.walkers.run._settings import Kept, KeptDraws, Settings
from foldstat.walkers.run._until import Until, looks
from foldstat.walkers.run._walked import Walked

AnyRun = TypeVar("AnyRun", bound=Walked)
Advance: TypeAlias = Callable[..., None]  # what `WalkerEnsemble.advance` is called with


def walk(
    kind: type[AnyRun],
    settings: Settings,
    ensemble: _core.WalkerEnsemble,
    density: Understood,
    kept: Kept,
    end: int,
    *,
    n_jobs: int | None,
    progress: bool | None,
    until: Until | None = None,
    advance: Advance | None = None,
) -> AnyRun:
    """Walk until `end` steps are done, the burn-in included, and give a run of that kind.

    Steps are done by `advance`, or by the ensemble itself. An interrupted walk gives what there is. A walk ends before
    where the draws suffice for `until`.
    """
    stop = functools.partial(kind, settings, ensemble, density, kept)
    begun, reached = ensemble.step, False
    advance = advance or ensemble.advance
    try:
        with OwnErrors(density), ProgressBar(begun, end, progress, _while_walking(settings, kept)) as bar:
            for step in _stops(settings, ensemble, kept, end, until):
                if step > ensemble.step:
                    advance(
                        density.compiled,
                        step - ensemble.step,
                        thin=settings.thin,
                        n_jobs=n_jobs,
                        callback=bar.callback,
                        **kept.arguments(),
                    )
                reached = until is not None and until.reached(_draws_of(settings, ensemble, kept), n_jobs)
                if reached:
                    break
            rate = float(ensemble.accepted.mean()) / max(1, ensemble.step - settings.burn_in)
            bar.finish(ensemble.step, rate, _at_the_end(settings, kept))
    except KeyboardInterrupt:
        run = stop(interrupted=True)
        _tell(run, ensemble.step - begun, end - begun)
        return run
    except Exception as error:
        leave_partial(error, stop(interrupted=True))
        raise
    if ensemble.step < end:  # room for draws that are not there is given back
        kept = kept.extended(settings.draws_after(ensemble.step), 0)
    run = kind(settings, ensemble, density, kept, interrupted=False)
    _doubt(run, None if reached else until)
    return run


def _stops(
    settings: Settings, ensemble: _core.WalkerEnsemble, kept: Kept, end: int, until: Until | None
) -> Iterator[int]:
    """Give the steps to stop at on the way to the end."""
    if until is None:
        yield from kept.stages(ensemble, settings, end)
    else:
        n_draws = settings.draws_after(end)
        yield from (settings.burn_in + settings.thin * n for n in looks(n_draws))


def _draws_of(settings: Settings, ensemble: _core.WalkerEnsemble, kept: Kept) -> Floats:
    """Give the draws so far; a walk that has something to reach keeps them."""
    assert isinstance(kept, KeptDraws)
    return kept.draws[:, : settings.draws_after(ensemble.step)]


def _doubt(run: Walked, missed: Until | None) -> None:
    """Warn of draws that are not to be trusted, or do not suffice for what they had to reach."""
    problems = list(run.problems)
    if missed is not None:
        problems.append(f"{missed} was not reached in {run.n_steps} steps")
    if problems:
        warnings.warn(NotConvergedWarning(advice(problems)), stacklevel=4)


def _while_walking(settings: Settings, kept: Kept) -> WorstRHat:
    return _at_the_end(settings, kept) if isinstance(kept, KeptDraws) else no_r_hat


def _at_the_end(settings: Settings, kept: Kept) -> WorstRHat:
    if isinstance(kept, KeptDraws):
        draws = kept.draws
        return lambda step: worst_r_hat_of(draws, settings.draws_after(step))
    moments = kept.moments
    return no_r_hat if moments is None else lambda step: moments.psrf


def _tell(run: Walked, done: int, asked: int) -> None:
    message = RuntimeWarning(
        f"interrupted after {done} of {asked} steps: the run holds what is done so far, "
        f"{run.n_draws} draws of each walker, and run.extend(n_steps) continues it"
    )
    message.partial = run  # type: ignore[attr-defined]  # all that is left where warnings are errors
    warnings.warn(message, stacklevel=4)


def leave_partial(error: Exception, run: Walked | None) -> None:
    """Leave the draws so far in ``error.partial``; None if the walk had not begun."""
    try:
        # Not setattr: a frozen dataclass may be an exception.
        object.__setattr__(error, "partial", run)
    except (AttributeError, TypeError) as refusal:
        if run is None:
            return  # nothing is lost
        error.add_note(f"foldstat: the draws so far are lost, this exception takes no attribute `partial` ({refusal})")
