"""Walkers whose steps are done by the workers of an executor."""

from __future__ import annotations

import dataclasses
import time
import warnings

import numpy as np

from foldstat import _core
from foldstat._common.arrays import Floats
from foldstat.walkers._cluster._team import Team
from foldstat.walkers._cluster._worker import Evaluate, Walk, Walked
from foldstat.walkers._moves import Setting
from foldstat.walkers.density import Understood
from foldstat.walkers.run._part import ensemble_of, moments_of, named, rows_of_ensemble, rows_of_moments
from foldstat.walkers.run._progress import Callback
from foldstat.walkers.run._settings import Kept, KeptDraws, KeptMoments, Settings

_LEAST = 8  # walkers of a range: those of a vector
_FIRST = 64  # steps of the first stage
_SECONDS = 5.0  # that a stage should take
_GROWTH = 8  # from one stage to the next, at most


def on_workers(team: Team, density: Understood, log: bool) -> Understood:
    """Give a Python function whose values are computed by workers; whatever is compiled stays here."""
    if density.python_of is None:
        return density

    def values(points: Floats) -> Floats:
        cuts = team.cut(len(points), 1, 1)
        works = [Evaluate(np.ascontiguousarray(points[cut.start : cut.stop])) for cut in cuts]
        return np.concatenate(team.ask(works, lambda i: f"points {cuts[i][0]} to {cuts[i][-1]} of {len(points)}"))

    n_dims = density.compiled.n_dims
    return dataclasses.replace(density, compiled=_core.WalkerDensity.python(values, n_dims, True, log=log))


class Scattered:
    """Moves an ensemble on the workers of an executor, with the bits that it would have here."""

    def __init__(
        self,
        team: Team,
        ensemble: _core.WalkerEnsemble,
        settings: Settings,
        kept: Kept,
        here: Understood,
        n_jobs: int | None,
    ) -> None:
        self._team, self._ensemble, self._settings, self._kept = team, ensemble, settings, kept
        self._here, self._n_jobs = here, n_jobs
        setting = Setting(ensemble.n_walkers, ensemble.n_dims, names=settings.names.labels)
        self._schedule = settings.move._schedule(setting)
        self._steps = _FIRST
        self._has_told = False

    def advance(
        self, density: object, n_steps: int, *, thin: int, callback: Callback | None = None, **others: object
    ) -> None:
        """Do so many steps more, as the ensemble's own `advance` does."""
        ensemble = self._ensemble
        end = ensemble.step + n_steps
        while ensemble.step < end:
            if ensemble.walks_alone:
                self._stage(min(self._steps, end - ensemble.step), callback)
            else:
                self._together(end, callback)

    # ---------------------------------------------------------------- walkers that look at each other

    def _together(self, end: int, callback: Callback | None) -> None:
        """Walk in this process; what is Python's is evaluated by the workers."""
        ensemble, settings = self._ensemble, self._settings
        learns = settings.move.pools and ensemble.step < settings.burn_in
        if learns:
            end = min(end, settings.burn_in)
        elif self._here.python_of is None:
            self._tell()
        ensemble.advance(
            self._here.compiled,
            end - ensemble.step,
            thin=settings.thin,
            n_jobs=self._n_jobs,
            callback=callback,
            **self._kept.arguments(),
        )

    def _tell(self) -> None:
        if not self._has_told:
            self._has_told = True
            is_compiled_here = self._here.call_original is not None
            hint = '; where="python" sends its points to them, if it is slow' if is_compiled_here else ""
            warnings.warn(
                f"executor: {type(self._settings.move).__name__} lets walkers look at each other, and the density is "
                f"not called as a Python function ({self._here.kind}), so that they walk on the threads of this "
                f"process and the workers have nothing to do{hint}",
                UserWarning,
                stacklevel=6,
            )

    # ---------------------------------------------------------------- walkers that do not

    def _stage(self, n_steps: int, callback: Callback | None) -> None:
        """Let every range walk for some steps, and put them together."""
        begun = time.monotonic()
        ensemble = self._ensemble
        ranges = self._team.cut(ensemble.n_walkers, _LEAST, 2)
        first = self._settings.part.first if self._settings.part is not None else 0
        walks = self._walks(ranges, n_steps)
        found: list[Walked] = self._team.ask(
            walks, lambda i: named(range(first + ranges[i].start, first + ranges[i].stop))
        )
        together = ensemble_of([part.state for part in found])
        self._keep(ranges, found)
        ensemble.replace_by(_core.WalkerEnsemble.from_state(together, self._schedule))
        seconds = max(time.monotonic() - begun, 1e-3)
        self._steps = max(1, int(n_steps * min(_GROWTH, _SECONDS / seconds)))
        if callback is not None:
            steps = max(1, ensemble.step - self._settings.burn_in)
            callback([(0, ensemble.step, float(ensemble.accepted.mean()) / steps, False)])

    def _walks(self, ranges: list[range], n_steps: int) -> list[Walk]:
        settings, kept, step = self._settings, self._kept, self._ensemble.step
        before, after = settings.draws_after(step), settings.draws_after(step + n_steps)
        state = self._ensemble.state()
        moments = kept.moments.state() if isinstance(kept, KeptMoments) and kept.moments is not None else None
        more = after - before if isinstance(kept, KeptDraws) else 0
        with_log_density = isinstance(kept, KeptDraws) and kept.log_density is not None
        rows = [slice(walkers.start, walkers.stop) for walkers in ranges]
        return [
            Walk(
                rows_of_ensemble(state, some),
                n_steps,
                settings.thin,
                before,
                more,
                with_log_density,
                None if moments is None else rows_of_moments(moments, some),
                1 if self._n_jobs is None else self._n_jobs,
            )
            for some in rows
        ]

    def _keep(self, ranges: list[range], found: list[Walked]) -> None:
        """Write what the ranges left where it belongs."""
        settings, kept = self._settings, self._kept
        if isinstance(kept, KeptMoments):
            states = [part.moments for part in found if part.moments is not None]
            if kept.moments is not None:
                kept.moments = moments_of(states, kept.moments.histograms)
            return
        first = settings.draws_after(self._ensemble.step)
        for walkers, part in zip(ranges, found, strict=True):
            for target, source in ((kept.draws, part.draws), (kept.log_density, part.log_density)):
                if target is not None and source is not None:
                    target[walkers.start : walkers.stop, first : first + source.shape[1]] = source
