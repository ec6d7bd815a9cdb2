"""Which mixture: fits of many sizes and families, compared."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from foldstat import _core
from foldstat._common.arrays import Floats, Rows
from foldstat._common.bars import Bar, as_progress
from foldstat._common.checks import as_choice, as_count
from foldstat._common.threads import thread_count
from foldstat._common.weights import as_sample_weight
from foldstat.mixture._elsewhere import passes_over
from foldstat.mixture._estimator import best_of
from foldstat.mixture._gaussian_mixture import GaussianMixture
from foldstat.mixture._likelihood import LogLikelihood
from foldstat.mixture._parameters import NAMED_BY_PARTS, Family, as_family, is_collapse, restart_seeds
from foldstat.mixture._rows import ROW_DTYPES, validated
from foldstat.mixture._selection import CRITERIA, Candidate, Selection

T = TypeVar("T")

_BLOCK = 1 << 16  # rows whose probabilities are held at a time


def select(
    X: Any,
    n_components: int | Iterable[int] = range(1, 10),
    covariance_types: str | Sequence[str] = "all",
    *,
    criterion: str = "bic",
    sample_weight: ArrayLike | None = None,
    cv: int = 5,
    tol: float = 1e-5,
    reg_covar: float = 0.0,
    max_iter: int = 1000,
    n_init: int = 1,
    init_params: str = "kmeans",
    random_state: int | np.random.RandomState | None = None,
    n_jobs: int | None = None,
    progress: bool | None = None,
) -> Selection:
    """Fit mixtures of many sizes and covariance families, and tell which is best.

    Every fit is what `GaussianMixture` gives for the same arguments, to the bit. Starts are looked for once for each
    number of components, and serve all families whose covariances lie alike.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Rows, in memory.
    n_components : int or iterable of int, default=range(1, 10)
        Numbers of components to try.
    covariance_types : 'all', str or sequence of str, default='all'
        Covariance families to try (see `GaussianMixture`); 'all' are the 14 of mclust.
    criterion : {'bic', 'icl', 'aic', 'cv'}, default='bic'
        What is best. The smallest of -2 log L + p log n, where p is the number of free parameters; of the same plus
        twice the entropy of the labels, -2 Σ log max p(component | x), for well separated clusters; or of
        -2 log L + 2 p. Or, with 'cv', the largest mean log-likelihood of rows that were left out of the fit. mclust's
        BIC and ICL have the other sign.
    sample_weight : array-like of shape (n_samples,), default=None
        How often each row counts: their sum is the n of the criteria.
    cv : int, default=5
        Number of parts for 'cv', each of which is left out once; the other criteria do without.
    tol, reg_covar, max_iter, n_init, init_params
        As of `GaussianMixture`, with defaults that suit a comparison: likelihoods are to be maxima, and `reg_covar`
        has a unit. Fits that collapse are rows of the table, with the reason.
    random_state : int, RandomState instance or None, default=None
        Decides the starts and the parts of 'cv', which are the same for all candidates.
    n_jobs : int or None, default=None
        Number of threads; None for the default of the process.
    progress : bool or None, default=None
        Show a progress bar. None shows one after some seconds, in a terminal or a notebook.

    Returns
    -------
    Selection
        A table of the candidates, their fitted models, and the best.

    Raises
    ------
    TypeError
        If X does not lie in memory: `foldstat.sample_rows` draws rows of what does not.
    ValueError
        If an argument is out of its range, X has NaN or infinite entries, or no candidate has a fit.

    Warns
    -----
    ConvergenceWarning
        If `max_iter` iterations were not enough for the best.

    References
    ----------
    Fraley & Raftery, "Model-based clustering, discriminant analysis, and density estimation", Journal of the American
    Statistical Association 97 (2002). Biernacki, Celeux & Govaert, "Assessing a mixture model for clustering with the
    integrated completed likelihood", IEEE Transactions on Pattern Analysis and Machine Intelligence 22 (2000). Smyth,
    "Model selection for probabilistic clustering using cross-validated likelihood", Statistics and Computing 10 (2000).

    Examples
    --------
    >>> import numpy as np
    >>> import foldstat
    >>> rng = np.random.default_rng(0)
    >>> X = np.concatenate([rng.normal(0, 1, (100, 2)), rng.normal(8, 1, (100, 2))])
    >>> found = foldstat.select(X, range(1, 4), ["EII", "VVV"], random_state=0)
    >>> found
    <Selection of 6 candidates: EII with 2 components is best by bic>
    >>> found.best_.means_.shape
    (2, 2)
    """
    as_choice(criterion, "criterion", CRITERIA)
    sizes, families = _as_sizes(n_components), _as_families(covariance_types)
    folds = as_count(cv, "cv", "a number of parts", least=2) if criterion == "cv" else 0
    search = _Search(X, sample_weight, random_state, folds, {
        "tol": tol, "reg_covar": reg_covar, "max_iter": max_iter, "n_init": n_init, "init_params": init_params,
        "n_jobs": n_jobs,
    })  # fmt: skip
    table: list[Candidate] = []
    models: dict[tuple[Family, int], GaussianMixture] = {}
    with Bar(as_progress(progress), total=len(sizes) * len(families), desc="select", unit="fit") as bar:
        for candidate, model in search.candidates(sizes, families):
            table.append(candidate)
            if model is not None:
                models[candidate.covariance_type, candidate.n_components] = model
            shown = bar.due()
            if shown is not None:
                shown.update(len(table) - shown.n)
    selection = Selection(table, models, criterion)
    if not selection.best.converged:
        message = f"the best, {selection.best.name}, did not converge; increase max_iter or tol"
        warnings.warn(message, ConvergenceWarning, stacklevel=2)
    return selection


class _Search:
    """Rows, what is asked of their fits, and the random numbers that all candidates share."""

    def __init__(self, X: Any, sample_weight: Any, random_state: Any, folds: int, settings: dict[str, Any]) -> None:
        if passes_over(X, None, None, None, None, again=False) is not None:
            raise TypeError("select takes rows in memory; foldstat.sample_rows draws some of what does not lie there")
        self._settings = settings | {"random_state": random_state}
        self._blank = GaussianMixture(**self._settings)
        self._blank._validate_params()
        self.rows = validated(self._blank, X, dtype=ROW_DTYPES, ensure_min_samples=2)
        self.weights = as_sample_weight(sample_weight, len(self.rows))
        self._n_jobs = thread_count(settings["n_jobs"])
        random = check_random_state(random_state)
        self._seeds = restart_seeds(random, settings["n_init"]).tolist()
        self._parts = random.permutation(len(self.rows)) % folds if folds else None

    def candidates(
        self, sizes: Iterable[int], families: Sequence[Family]
    ) -> Iterator[tuple[Candidate, GaussianMixture | None]]:
        """Fit all families of each size."""
        for k in sizes:
            held_out = self._held_out(k, families)
            for family, fit in self._fits(self.rows, self.weights, k, families):
                if isinstance(fit, str):
                    yield Candidate(family, k, reason=fit), None
                else:
                    yield self._judged(fit, held_out.get(family)), fit

    def _fits(
        self, rows: Rows, w: Floats | None, k: int, families: Sequence[Family]
    ) -> Iterator[tuple[Family, GaussianMixture | str]]:
        """Fit families of one size; where there is no fit, the reason."""
        found: dict[str, list[_core.MixtureStatistics]] = {}
        there = len(rows) if w is None else int(np.count_nonzero(w))
        for family in families:
            if there < k:
                yield family, f"{there} rows are fewer than components"
                continue
            geometry = _core.covariances_geometry(family)
            if geometry not in found:
                method = self._settings["init_params"]
                found[geometry] = _core.initial_statistics(rows, k, geometry, method, self._seeds, w, self._n_jobs)
            fits = self._fits_from(found[geometry], rows, w, family)
            yield family, self._model(k, family, fits) if fits else "every start collapsed"

    def _fits_from(
        self, found: list[_core.MixtureStatistics], rows: Rows, w: Floats | None, family: Family
    ) -> list[Any]:
        """Run EM from all starts that do not collapse."""
        starts = [start for one in found if (start := _unless_collapsed(self._start, one, family)) is not None]
        if not starts:
            return []
        return _unless_collapsed(self._em, starts, rows, w, family) or []

    def _em(self, starts: list[Any], rows: Rows, w: Floats | None, family: Family) -> list[Any]:
        options: dict[str, Any] = {name: self._settings[name] for name in ("tol", "reg_covar", "max_iter")}
        options |= {"starts": starts, "sample_weight": w, "n_jobs": self._n_jobs}
        return _core.fit(rows, family, **options)

    def _start(self, statistics: _core.MixtureStatistics, family: Family) -> tuple[_core.Mixture, Floats]:
        sizes, means, covariances = _core.moments(statistics, float(self._settings["reg_covar"]), family)
        factors = _core.precisions_cholesky(covariances, family)
        return _core.Mixture(sizes / statistics.total_weight, means, factors, family, self._n_jobs), covariances

    def _model(self, k: int, family: Family, fits: list[Any]) -> GaussianMixture:
        model = GaussianMixture(k, covariance_type=family, **self._settings)
        seen = ("n_features_in_", "feature_names_in_")
        for name in seen:
            if hasattr(self._blank, name):
                setattr(model, name, getattr(self._blank, name))
        model._keep_fit(best_of(fits), self.rows.dtype)
        return model

    def _judged(self, model: GaussianMixture, held_out: float | None) -> Candidate:
        """Read the criteria of a fit off one pass."""
        likelihood, certainty = LogLikelihood(), LogLikelihood()
        mixture = model._compiled_mixture()
        for first in range(0, len(self.rows), _BLOCK):
            part = slice(first, first + _BLOCK)
            log_likelihoods, posteriors = mixture.expectation(self.rows[part], self._n_jobs)
            w = None if self.weights is None else self.weights[part]
            likelihood += LogLikelihood.of(log_likelihoods, w)
            certainty += LogLikelihood.of(np.log(posteriors.max(axis=1)), w)
        n, p = likelihood.n_rows, model._n_parameters()
        bic = -2 * likelihood.mean * n + math.log(n) * p
        return Candidate(
            model.covariance_type,
            model.n_components,
            n_parameters=p,
            log_likelihood=likelihood.mean * n,
            bic=bic,
            icl=bic - 2 * certainty.mean * n,
            aic=-2 * likelihood.mean * n + 2 * p,
            cv=held_out,
            converged=model.converged_,
            n_iter=model.n_iter_,
        )

    def _held_out(self, k: int, families: Sequence[Family]) -> dict[Family, float]:
        """Give the mean log-likelihood of rows under the fit of the others; families that collapse have none."""
        if self._parts is None:
            return {}
        sums = dict.fromkeys(families, LogLikelihood())
        for number in range(int(self._parts.max()) + 1):
            left_out = self._parts == number
            w, w_out = (None, None) if self.weights is None else (self.weights[~left_out], self.weights[left_out])
            for family, fit in self._fits(self.rows[~left_out], w, k, families):
                if isinstance(fit, str):
                    sums.pop(family, None)
                elif family in sums:
                    scores = fit._compiled_mixture().score_samples(self.rows[left_out], self._n_jobs)
                    sums[family] += LogLikelihood.of(scores, w_out)
        return {family: found.mean for family, found in sums.items()}


def _unless_collapsed(function: Callable[..., T], *arguments: Any) -> T | None:
    """Call a function; None where a covariance collapses."""
    try:
        return function(*arguments)
    except ValueError as error:
        if not is_collapse(error):
            raise
        return None


def _as_sizes(n_components: Any) -> list[int]:
    listed = list(n_components) if isinstance(n_components, Iterable) else [n_components]
    if not listed:
        raise ValueError("n_components must hold at least one number of components, got none")
    sizes = [as_count(k, "n_components", "a number of components", least=1) for k in listed]
    return list(dict.fromkeys(sizes))


def _as_families(covariance_types: Any) -> list[Family]:
    if isinstance(covariance_types, str):
        return list(NAMED_BY_PARTS) if covariance_types == "all" else [as_family(covariance_types)]
    families = [as_family(name) for name in covariance_types]
    if not families:
        raise ValueError("covariance_types must hold at least one covariance family, got none")
    return list(dict.fromkeys(families))
