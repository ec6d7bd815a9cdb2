"""How a fit is made: the same for rows in memory and elsewhere."""

from __future__ import annotations

import contextlib
import hashlib
from typing import Any, NamedTuple

import numpy as np

from foldstat import _core
from foldstat._common.arrays import Floats, Rows
from foldstat.mixture._checkpoint import Checkpoint
from foldstat.mixture._parameters import METHODS, Accelerate, Family, Method, Stop, is_collapse
from foldstat.mixture._passes import Passes
from foldstat.mixture._prior import Prior, center_of, single
from foldstat.mixture._prior_rows import PriorRows
from foldstat.mixture._progress import Callback
from foldstat.mixture._start import Given, Start, with_copies
from foldstat.mixture._start_rows import STAGE, Chosen, drawn, start_size
from foldstat.mixture._starting import Shape, Started, brought, called, likeliest, short_em, twice, whitened

Runs = list[tuple[_core.Mixture, Any, float, bool, Any]]


class Plan(NamedTuple):
    """What a fit is asked to do, checked."""

    family: Family
    n_components: int
    method: Method | Any  # a name, an array or a function
    seeds: list[int]
    random_state: Any  # what the seeds were drawn by: a number, None, or the seeds themselves
    given: Given
    prior: Prior | PriorRows | None  # None for maximum likelihood
    last: tuple[Start, float] | None  # where the fit before ended, and its bound, if it is to go on from there
    init_size: int | None
    stages: int
    tol: float
    reg_covar: float
    stop: Stop
    accelerate: Accelerate | None
    max_iter: int
    n_jobs: int | None

    @property
    def settings(self) -> dict[str, Any]:
        """What a fit must share with the one that wrote a checkpoint: all but how many iterations are made where."""
        given = {f"{name}_init": _listed(value) for name, value in self.given._asdict().items()}
        last = None if self.last is None else [*map(_listed, self.last[0][:4]), self.last[1].hex()]
        posterior = None if self.last is None else self.last[0].posterior
        settings = {name: getattr(self, name) for name in _NUMBERS}
        settings |= {"covariance_type": self.family, "init_params": _named(self.method), "n_init": len(self.seeds)}
        settings |= {"prior": None if self.prior is None else self.prior.listed}
        settings |= {"posterior": None if posterior is None else [*map(_listed, posterior)]}
        return settings | {"warm_start": last} | given

    @property
    def searches(self) -> bool:
        """Whether a start is looked for in the rows."""
        return self.last is None and not self.given.complete

    def _fit(self, rows: Rows, w: Floats | None, **more: Any) -> list[Any]:
        options = self._options | {"n_jobs": self.n_jobs, "sample_weight": w}
        options |= {"prior": None if self.prior is None else self.prior.parts}
        return self._told(_core.fit(rows, covariance_type=self.family, **options | more))

    def _told(self, fits: list[Any]) -> list[Any]:
        return [{**fit, "prior": self.prior} for fit in fits]

    @property
    def _options(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("tol", "reg_covar", "stop", "accelerate", "max_iter")}

    def fit_rows(self, rows: Rows, w: Floats | None, report: Callback | None) -> list[Any]:
        """Fit rows in memory from every start; all starts share each pass."""
        plan = self._with_prior(rows, w)
        if self.last is not None:
            last, bound = self.last
            return plan._fit(rows, w, starts=[(self._mixture(last), None)], lower_bounds=[bound], callback=report)
        starts = plan._starts_in(Chosen(rows, w))
        if starts:
            return plan._fit(rows, w, starts=starts, callback=report)
        if self.searches:
            rows, w = with_copies(rows, w, self.n_components)
        return plan._fit(rows, w, initial=self._initial, callback=report)

    def fit_passes(self, passes: Passes, checkpoint: Checkpoint | None, report: Callback | None) -> list[Any]:
        """Fit rows that lie elsewhere from every start."""
        size = self._sizes(passes.n_columns)[-1]
        needed = self.searches or not (self.prior is None or self.prior.complete)
        if checkpoint is not None or passes.weighted or needed or not self.max_iter:
            wanted = needed and (checkpoint is None or not checkpoint.exists)
            chosen = passes.look(self.n_components, (size, self.seeds[0]) if wanted else None)
            self.check_rows(passes)
        else:
            chosen = None
        saved = None if checkpoint is None else checkpoint.read(passes, size)
        plan = self._with_prior_of(passes, checkpoint, chosen)
        before = chosen if self.searches else None
        runs, iteration, states = (plan._runs(before, passes), 0, None) if saved is None else saved
        if iteration > self.max_iter:
            raise ValueError(
                f"checkpoint is {iteration} iterations into a fit, more than max_iter={self.max_iter}: ask for as "
                "many, or use another file"
            )
        options = self._options
        if plan.prior is not None:
            options |= {"prior": plan.prior.parts, "exponent": passes.exponent}
        em = _core.Em(self.family, runs, iteration=iteration, states=states, **options)
        while models := em.models():
            statistics = passes.statistics(models)
            self.check_rows(passes)
            em.advance(statistics, self.n_jobs, report)
            if checkpoint is not None:
                checkpoint.write(em.runs(), em.states(), em.iteration)
        return plan._told(em.finish())

    def _with_prior(self, rows: Rows, w: Floats | None) -> Plan:
        """Give the same with a prior that is complete."""
        if self.prior is None or self.prior.complete:
            return self
        center = center_of(*self._drawn(rows, w), self.n_jobs)
        whole = single(center, self.family, self.n_jobs).statistics(rows, w, self.n_jobs)
        return self._replace(prior=self.prior.completed(whole, self.family))

    def _with_prior_of(self, passes: Passes, checkpoint: Checkpoint | None, chosen: Chosen | None) -> Plan:
        """Give the same of rows that lie elsewhere; a checkpoint knows what has been read from them."""
        if self.prior is None or self.prior.complete:
            return self
        if checkpoint is not None and checkpoint.prior is not None:
            return self._replace(prior=type(self.prior).of_listed(checkpoint.prior))
        if passes.missing:
            raise ValueError(
                "what the prior draws to is taken from all rows, which is not known where values are missing: give "
                "mean_prior and covariance_prior their values"
            )
        assert chosen is not None
        center = center_of(*chosen, self.n_jobs)
        (whole,) = passes.statistics([single(center, self.family, self.n_jobs)])
        prior = self.prior.completed(_core.in_units_of_weights(whole, passes.exponent), self.family)
        if checkpoint is not None:
            checkpoint.prior = prior.listed
        return self._replace(prior=prior)

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
        # Another one is asked for only where all is given, and nothing is looked for.
        method = self.method if isinstance(self.method, str) and self.method in METHODS else "kmeans"
        return self.n_components, method, self.seeds, *self.given

    def _mixture(self, start: Start) -> _core.Mixture:
        weights = start.weights if start.posterior is None else None
        parts = weights, start.means, start.precisions_cholesky
        return _core.Mixture(*parts, self.family, self.n_jobs, start.posterior)

    def _sizes(self, n_columns: int) -> list[int]:
        """How many rows a start is looked for in, and those of the stages that follow."""
        size = start_size(self.n_components, n_columns) if self.init_size is None else self.init_size
        return [size * STAGE**i for i in range(max(self.stages - 1, 1))]

    def _drawn(self, rows: Rows, w: Floats | None) -> Chosen:
        """Give the rows that a start is looked for in, and those of the stages that follow."""
        size = self._sizes(rows.shape[1])[-1]
        return drawn(Chosen(rows, w), size, self.seeds[0]) if size < len(rows) else Chosen(rows, w)

    def _parts(self, chosen: Chosen, n: int) -> list[Chosen]:
        """Give the samples of `n` rows that EM is run on before it is on all; `chosen` are the rows to draw from."""
        parts = [chosen] if len(chosen.rows) < n else []
        for size in reversed(self._sizes(chosen.rows.shape[1])):
            if size < len(chosen.rows):
                chosen = drawn(chosen, size, self.seeds[0])
                parts.insert(0, chosen)
        return parts

    def _starts_in(self, whole: Chosen) -> Started:
        """Look for starts among rows in memory; none if all of them are to be looked at by the compiled module."""
        if not self.searches:
            return []
        if not isinstance(self.method, str) and not callable(self.method):
            return self._found(whole)  # an array says something of each row
        if parts := self._parts(whole, len(whole.rows)):
            with contextlib.suppress(_TooFewError):
                return self._starts(parts)
        return [] if self.method in METHODS else self._found(whole)

    def _found(self, chosen: Chosen) -> Started:
        """Look for starts among rows."""
        chosen = Chosen(*with_copies(*chosen, self.n_components)) if isinstance(self.method, str) else chosen
        shape = Shape(self.family, self.n_components, self.given, self.reg_covar, self.n_jobs)
        if callable(self.method):
            return called(shape, chosen, self.seeds, self.method)
        if not isinstance(self.method, str):
            return [brought(shape, chosen, self.method, "init_params")] * len(self.seeds)
        if self.method == "whitened":
            return whitened(shape, chosen, self.seeds)
        if self.method == "short-em":
            return short_em(shape, chosen, self.seeds, self._fit)
        return self._compiled(chosen)

    def _compiled(self, chosen: Chosen) -> Started:
        return _started(self._fit(*chosen, initial=self._initial, max_iter=0))

    def _starts(self, parts: list[Chosen]) -> Started:
        """Look for starts in the first of some samples, and go on with EM over each of them.

        Clusters are looked for twice for each start, and the likelier goes on.
        """
        staged = self.stages > 1 and self.max_iter > 0
        n_tried = 2 if staged and self.method in (*METHODS, "whitened") else 1
        tried = self if n_tried == 1 else self._replace(seeds=twice(self.seeds))
        try:
            found = tried._found(parts[0])
            self._check_enough(found, parts[0])
        except ValueError as error:
            if self.init_size is not None or not is_collapse(error):
                raise
            raise _TooFewError from error
        if len(found) < len(tried.seeds):
            found, n_tried = found[: len(self.seeds)], 1  # some have collapsed
        if n_tried > 1:
            # A few iterations tell which is the likelier one.
            short = {"max_iter": min(_SHORT, self.max_iter)}
            found = self._further(found, parts[0], n_tried, **short) or found[::n_tried]
        for part in parts if staged else []:
            found = self._further(found, part) or found
        return found

    def _further(self, starts: Started, part: Chosen, n_tried: int = 1, **options: Any) -> Started:
        """Go on by EM over a sample, and give the likeliest of each so many; none if one collapses there."""
        try:
            fits = self._fit(*part, starts=starts, **options)
        except ValueError as error:
            if not is_collapse(error):
                raise
            return []
        return _started(likeliest(fits, n_tried)) if len(fits) == len(starts) else []

    def _check_enough(self, found: Started, part: Chosen) -> None:
        """Fail where a cluster of a sample has too few rows for its covariance, as all rows need not have."""
        if self.init_size is not None or self.method not in ("kmeans", "whitened"):
            return
        rows, w = part
        d = rows.shape[1]
        least = 1 + _core.n_covariance_parameters(self.family, 1, d) / d  # per column
        present = len(rows) if w is None else np.count_nonzero(w)
        if min(mixture.weights.min() for mixture, _ in found) * present < 2 * least:
            raise _TooFewError

    def _runs(self, chosen: Chosen | None, passes: Passes) -> Runs:
        """Give what EM begins with."""
        if self.last is not None:
            last, bound = self.last
            return [(self._mixture(last), last.covariances, bound, False, [])]
        if chosen is None:
            # All is given: the rows are not looked at.
            found = self._compiled(Chosen(np.zeros((2, passes.n_columns)), None))
        else:
            assert passes.looked is not None
            parts = self._parts(chosen, passes.looked.seen.rows)
            if parts and not isinstance(self.method, str) and not callable(self.method):
                raise ValueError(
                    f"init_params is an array, and {passes.name} has more rows than a start is looked for in: give a "
                    f"function of the rows, or init_size={passes.looked.seen.rows}"
                )
            try:
                found = self._starts(parts) if parts else self._found(chosen)
            except _TooFewError:
                chosen = passes.look(self.n_components, (_MOST, self.seeds[0]))
                assert chosen is not None
                found = self._found(chosen)
        return [(mixture, covariances, -np.inf, False, []) for mixture, covariances in found]


# What is a setting as it is.
_NUMBERS = "n_components", "tol", "reg_covar", "random_state", "stages", "stop", "accelerate"


# How many rows a start is looked for in where they do not lie in memory and a sample had too few.
_MOST = 200_000
# Iterations after which the likelier of two starts is chosen.
_SHORT = 5


class _TooFewError(ValueError):
    """A sample has too few rows of some cluster."""


def _started(fits: list[Any]) -> Started:
    return [(fit["mixture"], fit["covariances"]) for fit in fits]


def _named(method: Any) -> str:
    """Give what tells one way to start from another."""
    if isinstance(method, str):
        return method
    if callable(method):
        return f"{getattr(method, '__module__', '')}.{getattr(method, '__qualname__', type(method).__qualname__)}"
    values = np.ascontiguousarray(method)
    return f"{values.shape} {hashlib.sha256(values.tobytes()).hexdigest()}"


def _listed(values: Any) -> Any:
    return None if values is None else np.asarray(values).tolist()
