"""The private methods of scikit-learn's mixtures that other people's code calls or overrides."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from foldstat import _core
from foldstat._common.arrays import FLOAT32, Floats, Rows, as_rows
from foldstat._common.threads import thread_count
from foldstat.mixture._attributes import weights_of
from foldstat.mixture._parameters import Family, as_family
from foldstat.mixture._start import Posterior

# What `fit` and the methods that score call there and the compiled passes have no place for.
_NEVER_CALLED = (
    "_check_parameters",
    "_compute_lower_bound",
    "_e_step",
    "_estimate_log_prob",
    "_estimate_log_prob_resp",
    "_estimate_log_weights",
    "_estimate_weighted_log_prob",
    "_get_parameters",
    "_initialize",
    "_initialize_parameters",
    "_m_step",
    "_print_verbose_msg_init_beg",
    "_print_verbose_msg_init_end",
    "_print_verbose_msg_iter_end",
)

# Models whose `fit` has handed over to the `fit_predict` of a subclass, which may call `fit` in turn.
_handed_over: ContextVar[frozenset[int]] = ContextVar("foldstat.handed_over", default=frozenset())


class ScikitLearnHooks:
    """scikit-learn's private methods, by delegation to the kernels; those to override are refused."""

    covariance_type: Family
    n_jobs: int | None
    weights_: Floats
    means_: Floats
    covariances_: Floats
    precisions_: Floats
    precisions_cholesky_: Floats
    _checked: ClassVar[type | None] = None
    _ours: ClassVar[type]  # the class of foldstat's that others derive from

    def __init_subclass__(cls, ours: bool = False, **options: Any) -> None:
        """Refuse overrides that would have no effect, and nobody would notice."""
        super().__init_subclass__(**options)
        if ours:
            cls._ours = cls
        _refuse_ignored(cls)

    def _check_overrides(self) -> None:
        """Refuse them where a model is used, too: a class on the left of ours may keep the other check from running."""
        cls = type(self)
        if cls._checked is not cls:
            _refuse_ignored(cls)
            cls._checked = cls

    @contextmanager
    def _handing_over(self) -> Iterator[None]:
        """Until the end of the block, `_hands_over` is false."""
        token = _handed_over.set(_handed_over.get() | {id(self)})
        try:
            yield
        finally:
            _handed_over.reset(token)

    def _hands_over(self, base: Any) -> bool:
        """Whether `fit` calls `fit_predict`, as it does in scikit-learn: where a class has another one than `base`."""
        return getattr(type(self), "fit_predict", base) is not base and id(self) not in _handed_over.get()

    def _estimate_log_prob(self, X: ArrayLike, xp: Any = None) -> Rows:
        """Log-density of every row under every component, not weighted."""
        rows = as_rows(X)
        threads = thread_count(self.n_jobs)
        # Its weights are not looked at: they may not be there yet.
        mixture = _core.Mixture(None, self.means_, self.precisions_cholesky_, self.covariance_type, threads)
        return self._as_precise_as(rows, mixture.log_prob(rows, threads))

    def _estimate_log_weights(self, xp: Any = None) -> Rows:
        """Logarithms of the weights."""
        with np.errstate(divide="ignore"):  # a component of weight 0 has density 0 everywhere
            return np.log(weights_of(self))

    def _estimate_weighted_log_prob(self, X: ArrayLike, xp: Any = None) -> Rows:
        """Log-density of every row under every component, times the component's weight."""
        return self._estimate_log_prob(X) + self._estimate_log_weights()

    def _estimate_log_prob_resp(self, X: ArrayLike, xp: Any = None) -> tuple[Rows, Rows]:
        """Log-likelihood of every row, and the logarithms of its responsibilities."""
        rows = as_rows(X)
        total = self._as_precise_as(rows, self._compiled_mixture().score_samples(rows, thread_count(self.n_jobs)))
        return total, self._estimate_weighted_log_prob(rows) - total[:, np.newaxis]

    def _get_parameters(self) -> tuple[Floats, Floats, Floats, Floats]:
        return self.weights_, self.means_, self.covariances_, self.precisions_cholesky_

    def _set_parameters(self, params: tuple[Floats, Floats, Floats, Floats], xp: Any = None) -> None:
        """Take parameters as `_get_parameters` gives them; `fit` ends with this."""
        # Copies, so that the model owns its parameters: the caller's arrays may change.
        weights, means, covariances, factors = (np.array(array) for array in params)
        precisions = _core.precisions(factors, self.covariance_type).astype(factors.dtype)
        self.weights_, self.means_, self.covariances_ = weights, means, covariances
        self.precisions_cholesky_, self.precisions_ = factors, precisions

    def _n_parameters(self) -> int:
        """Count the free parameters."""
        k, d = np.shape(self.means_)
        return int(_core.n_covariance_parameters(self.covariance_type, k, d) + k * d + k - 1)

    def _compiled_mixture(self) -> _core.Mixture:
        """Give the parameters as the kernels take them: checked once, and again where somebody has set others."""
        family = self.covariance_type if type(self.covariance_type) is str else as_family(self.covariance_type)
        posterior = self._posterior()
        weights = self.weights_ if posterior is None else None
        parameters = self.means_, self.precisions_cholesky_, family
        known: _core.Mixture | None = vars(self).get("_compiled")
        if known is None or not known.holds(weights, *parameters, posterior):
            known = _core.Mixture(weights, *parameters, thread_count(self.n_jobs), posterior)
            vars(self)["_compiled"] = known  # past a __setattr__ of the user's
        return known

    def _posterior(self) -> Posterior | None:
        """Give the distribution of the parameters, where they have one."""
        return None

    def __getstate__(self) -> Any:
        """Give what is pickled and copied: all but what the kernels make of it."""
        state: Any = super().__getstate__()
        return {name: value for name, value in state.items() if name != "_compiled"}

    def _as_precise_as(self, rows: Rows, found: Floats) -> Rows:
        """Give float32 where both the rows and the model are, as scikit-learn."""
        single = rows.dtype == FLOAT32 and getattr(self.means_, "dtype", None) == FLOAT32
        return found.astype(np.float32) if single else found


def _refuse_ignored(cls: type) -> None:
    ours = getattr(cls, "_ours", ScikitLearnHooks)
    ignored = [name for name in _NEVER_CALLED if getattr(cls, name, None) is not getattr(ours, name, None)]
    if ignored:
        raise TypeError(
            f"{cls.__name__} overrides {', '.join(ignored)}, which foldstat.{ours.__name__} never calls, as its "
            "E- and M-steps are compiled. Write the loop with foldstat.mixture.expectation, statistics and "
            "maximization, override public methods (fit, score_samples, ...), or derive from "
            f"sklearn.mixture.{ours.__name__}"
        )
