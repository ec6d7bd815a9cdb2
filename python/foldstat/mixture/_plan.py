"""How a fit is made: the same for rows in memory and elsewhere."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from foldstat import _core
from foldstat._common.arrays import Floats, Rows
from foldstat.mixture._checkpoint import Checkpoint
from foldstat.mixture._parameters import Family, Method
from foldstat.mixture._passes import Passes
from foldstat.mixture._progress import Callback
from foldstat.mixture._start import Given, Start, with_copies
from foldstat.mixture._start_rows import Chosen, StartRows

Runs = list[tuple[_core.Mixture, Any, float, bool, Any]]


class Plan(NamedTuple):
    """What a fit is asked to do, checked."""

    family: Family
    n_components: int
    method: Method
    seeds: list[int]
    random_state: Any  # what the seeds were drawn by: a number, None, or the seeds themselves
    given: Given
    last: tuple[Start, float] | None  # where the fit before ended, and its bound, if it is to go on from there
    init_size: int | None
    tol: float
    reg_covar: float
    max_iter: int
    n_jobs: int | None

    @property
    def settings(self) -> dict[str, Any]:
        """What a fit must share with the one that wrote a checkpoint: all but how many iterations are made where."""
        given = {f"{name}_init": _listed(value) for name, value in self.given._asdict().items()}
        last = None if self.last is None else [*map(_listed, self.last[0]), self.last[1].hex()]
        settings = {name: getattr(self, name) for name in ("n_components", "tol", "reg_covar", "random_state")}
        settings |= {"covariance_type": self.family, "init_params": self.method, "n_init": len(self.seeds)}
        return settings | {"warm_start": last} | given

    @property
    def searches(self) -> bool:
        """Whether a start is looked for in the rows."""
        return self.last is None and not self.given.complete

    def _fit(self, rows: Rows, w: Floats | None, **more: Any) -> list[Any]:
        options: dict[str, Any] = {"tol": self.tol, "reg_covar": self.reg_covar, "max_iter": self.max_iter}
        options |= {"n_jobs": self.n_jobs, "sample_weight": w}
        return _core.fit(rows, covariance_type=self.family, **options | more)

    def fit_rows(self, rows: Rows, w: Floats | None, report: Callback | None) -> list[Any]:
        """Fit rows in memory from every start; all starts share each pass."""
        if self.last is not None:
            last, bound = self.last
            return self._fit(rows, w, starts=[(self._mixture(last), None)], lower_bounds=[bound], callback=report)
        chosen, copies = self._start_rows(rows, w)
        if chosen is rows:
            return self._fit(rows, w, initial=self._initial, callback=report)
        starts = [(start["mixture"], start["covariances"]) for start in self._starts(chosen, copies)]
        return self._fit(rows, w, starts=starts, callback=report)

    def fit_passes(self, passes: Passes, checkpoint: Checkpoint | None, report: Callback | None) -> list[Any]:
        """Fit rows that lie elsewhere from every start."""
        size = passes.start_rows if self.init_size is None else self.init_size
        if checkpoint is not None or passes.weighted or self.searches or not self.max_iter:
            wanted = self.searches and (checkpoint is None or not checkpoint.exists)
            chosen = passes.look(self.n_components, (size, self.seeds[0]) if wanted else None)
            self.check_rows(passes)
        else:
            chosen = None
        saved = None if checkpoint is None else checkpoint.read(passes, size)
        runs, iteration = (self._runs(chosen, passes), 0) if saved is None else saved
        if iteration > self.max_iter:
            raise ValueError(
                f"checkpoint is {iteration} iterations into a fit, more than max_iter={self.max_iter}: ask for as "
                "many, or use another file"
            )
        options: dict[str, Any] = {"tol": self.tol, "reg_covar": self.reg_covar, "max_iter": self.max_iter}
        em = _core.Em(self.family, runs, iteration=iteration, **options)

        while models := em.models():
            statistics = passes.statistics(models)
            self.check_rows(passes)
            em.advance(statistics, self.n_jobs, report)
            if checkpoint is not None:
                checkpoint.write(em.runs(), em.iteration)
        return em.finish()

    def check_rows(self, passes: Passes) -> None:
        """Fail if there are fewer rows than a fit needs."""
        assert passes.looked is not None
        n = passes.looked.enough
        if n < 2:
            of = " of positive weight" if passes.weighted else ""
            raise ValueError(f"Found array with {n} sample(s){of} in {passes.name} while a minimum of 2 is required")
        if n < self.n_components:
            raise ValueError(
                f"Expected n_samples >= n_components but got n_components = {self.n_components}, n_samples = {n}"
            )

    @property
    def _initial(self) -> Any:
        return self.n_components, self.method, self.seeds, *self.given

    def _mixture(self, start: Start) -> _core.Mixture:
        return _core.Mixture(start.weights, start.means, start.precisions_cholesky, self.family, self.n_jobs)

    def _start_rows(self, rows: Rows, w: Floats | None) -> Chosen:
        """Give the rows that a start is looked for in: the rows themselves if it is all of them."""
        if self.given.complete:
            return Chosen(rows, w)
        if self.init_size is not None and self.init_size < len(rows):
            drawn = StartRows(self.init_size, self.seeds[0])
            drawn.add(rows, w)
            rows, w = drawn.chosen()
        return Chosen(*with_copies(rows, w, self.n_components))

    def _starts(self, rows: Rows, w: Floats | None) -> list[Any]:
        return self._fit(rows, w, initial=self._initial, max_iter=0)

    def _runs(self, chosen: Chosen | None, passes: Passes) -> Runs:
        """Give what EM begins with."""
        if self.last is not None:
            last, bound = self.last
            return [(self._mixture(last), last.covariances, bound, False, [])]
        if chosen is None:
            # All is given: the rows are not looked at.
            found = self._starts(np.zeros((2, passes.n_columns)), None)
        else:
            found = self._starts(*with_copies(*chosen, self.n_components))
        return [(start["mixture"], start["covariances"], -np.inf, False, []) for start in found]


def _listed(values: Any) -> Any:
    return None if values is None else np.asarray(values).tolist()
