"""The kernels as plain functions: what they accept, what they refuse, what they return."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest

import twin
from foldstat.mixture import (
    MixtureFit,
    MixtureParameters,
    MixtureStatistics,
    em,
    expectation,
    log_prob,
    maximization,
    statistics,
)
from mixtures import FAMILIES, assert_close, integer_weights, random_mixture, unaligned


@pytest.fixture(params=FAMILIES)
def m(request):
    return random_mixture(request.param, n=120, d=3, k=2)


def options(m):
    return m.weights, m.means, m.covariances, {"covariance_type": m.family}


def test_log_prob_and_expectation(m):
    weights, means, covariances, family = options(m)
    found = log_prob(m.X, means, covariances, **family)
    assert_close(found, twin.log_prob(m.X, m.means, m.factor, m.family), 1e-10)
    log_likelihood, resp = expectation(m.X, weights, means, covariances, **family)
    expected = twin.expectation(m.X, *m.parameters)
    assert_close(log_likelihood, expected[0], 1e-10)
    np.testing.assert_allclose(resp, expected[1], rtol=1e-9, atol=1e-12)


def test_statistics_and_maximization(m):
    weights, means, covariances, family = options(m)
    w = integer_weights(len(m.X))
    for sample_weight in (None, w):
        s = statistics(m.X, weights, means, covariances, sample_weight=sample_weight, **family)
        assert isinstance(s, MixtureStatistics)
        expected = twin.statistics(m.X, *m.parameters, sample_weight)
        assert_close(s.log_likelihood, expected.log_likelihood, 1e-10)
        nk, mu, sigma = twin.moments(expected, 1e-6)
        _, resp = expectation(m.X, weights, means, covariances, **family)
        from_rows = maximization(m.X, resp, sample_weight=sample_weight, **family)
        for found in (maximization(s), maximization(s, **family), from_rows):
            assert isinstance(found, MixtureParameters)
            assert_close(found.weights, nk / nk.sum(), 1e-9)
            assert_close(found.weights.sum(), 1.0, 1e-14)
            assert_close(found.means, mu, 1e-9)
            assert_close(found.covariances, sigma, 1e-9, atol=1e-10)


def test_reg_covar_is_added(m):
    resp = twin.predict_proba(m.X, *m.parameters)
    family = {"covariance_type": m.family}
    plain = maximization(m.X, resp, reg_covar=0.0, **family).covariances
    more = maximization(m.X, resp, reg_covar=0.5, **family).covariances
    added = np.eye(3) if m.family in ("full", "tied") else 1.0
    assert_close(more, plain + 0.5 * added, 1e-12)


def test_em(m):
    weights, means, covariances, family = options(m)
    w = integer_weights(len(m.X))
    arguments = {"max_iter": 9, "tol": 0.0, "reg_covar": 1e-3, "sample_weight": w}
    found = em(m.X, weights, means, covariances, **arguments, **family)
    start = [(m.weights, m.means, m.factor)]
    (expected,) = twin.em(m.X, start, m.family, 0.0, 1e-3, 9, w)
    assert isinstance(found, MixtureFit)
    assert (found.n_iter, found.converged) == (9, False)
    for name in ("weights", "means", "covariances", "lower_bounds"):
        assert_close(getattr(found, name), expected[name], 1e-9)
    # The first change is from minus infinity, so one iteration never is enough.
    at_once = em(m.X, weights, means, covariances, tol=1e9, **family)
    assert (at_once.n_iter, at_once.converged) == (2, True)
    assert em(m.X, weights, means, covariances, tol=1e-3, **family).converged is True


ROWS = {
    "list": lambda X: X.tolist(),
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
    "big-endian": lambda X: X.astype(">f8"),
    "Fortran": np.asfortranarray,
    "object": lambda X: X.astype(object),
    "unaligned": lambda X: unaligned(X),
}


@pytest.mark.parametrize("kind", ROWS)
def test_kinds_of_rows(kind):
    m = random_mixture("full", n=50)
    plain = expectation(m.X, m.weights, m.means, m.covariances)
    found = expectation(ROWS[kind](m.X), m.weights.tolist(), m.means.tolist(), m.covariances.astype(">f8"))
    for a, b in zip(found, plain, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("dtype", [np.int16, np.uint32, np.bool_, np.float16])
def test_other_numbers_are_float64(dtype):
    m = random_mixture("full", n=50)
    X = np.abs(m.X * 2).astype(dtype)
    found = log_prob(X, m.means, m.covariances)
    np.testing.assert_array_equal(found, log_prob(X.astype(np.float64), m.means, m.covariances))


def test_float32_of_either_byte_order_stays_float32():
    m = random_mixture("full", n=50)
    X = m.X.astype(np.float32)
    native = log_prob(X, m.means, m.covariances)
    np.testing.assert_array_equal(log_prob(X.astype(">f4"), m.means, m.covariances), native)
    assert_close(native, log_prob(m.X, m.means, m.covariances), 1e-4)


X = np.zeros((4, 2))
GOOD = {"weights": [0.5, 0.5], "means": [[0.0, 0.0], [1.0, 1.0]], "covariances": [np.eye(2)] * 2}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"X": np.zeros(4)}, r"X must have 2 dimensions \(rows, features\), got shape \(4,\)"),
        ({"X": np.zeros((4, 3))}, "X has 3 features, means have 2"),
        ({"X": [["a", "b"]]}, "X must hold real numbers, got dtype"),
        ({"X": np.ones((4, 2), dtype=complex)}, "X must hold real numbers, got dtype complex128"),
        ({"X": [[1.0, 2.0], [1.0]]}, "X is not an array of numbers"),
        ({"X": [[1.0, None]] * 3}, "X"),
        ({"X": [[1.0, {}]] * 3}, "X must hold real numbers"),
        ({"X": np.ma.masked_invalid(np.ones((4, 2)))}, "X is a masked array"),
        ({"X": np.full((4, 2), np.nan)}, "Input X contains NaN"),
        ({"weights": [0.9, 0.2]}, "weights must sum to 1, got"),
        ({"weights": [[0.5, 0.5]]}, r"weights must have shape \(2,\), got \(1, 2\)"),
        ({"means": [0.0, 1.0]}, r"means must have shape \(n_components, n_features\)"),
        ({"means": np.zeros((0, 2))}, r"means must have shape \(n_components, n_features\)"),
        ({"covariances": -np.ones((2, 2, 2))}, r"covariances\[0\] must be positive definite"),
        ({"covariance_type": "no"}, "covariance_type must be one of"),
    ],
)
def test_bad_arguments_are_named(change, message):
    arguments = {"X": X, **GOOD, "covariance_type": "full"}
    expectation(**arguments)
    for function in (expectation, statistics, em):
        with pytest.raises((ValueError, TypeError), match=message):
            function(**{**arguments, **change})


def test_bad_options_are_named():
    for bad in ({"max_iter": 0}, {"tol": -1.0}, {"reg_covar": -1.0}, {"tol": np.nan}):
        with pytest.raises(ValueError, match=rf"must not be negative, got .*{next(iter(bad))}="):
            em(X, **GOOD, **bad)
    for n_jobs in (0,):
        with pytest.raises(ValueError, match="n_jobs"):
            log_prob(X, GOOD["means"], GOOD["covariances"], n_jobs=n_jobs)
    with pytest.raises(ValueError, match="sample_weight"):
        statistics(X, **GOOD, sample_weight=np.ones(3))
    with pytest.raises(ValueError, match=r"Negative values.*sample_weight"):
        statistics(X, **GOOD, sample_weight=[1.0, -1.0, 1.0, 1.0])


def test_bad_maximizations_are_named():
    s = statistics(X, **GOOD)
    resp = np.ones((4, 1))
    cases = [
        (TypeError, "rows need responsibilities", (X,), {}),
        (ValueError, r"X must have at least one column, got shape \(5, 0\)", (np.zeros((5, 0)), np.ones((5, 2))), {}),
        (TypeError, "statistics contain the responsibilities", (s, resp), {}),
        (TypeError, "statistics contain the responsibilities", (s,), {"sample_weight": np.ones(4)}),
        (ValueError, r"responsibilities must have shape \(4, n_components\)", (X, resp[:3]), {}),
        (ValueError, r"responsibilities must have shape \(4, n_components\)", (X, resp[:, 0]), {}),
        (ValueError, "reg_covar must not be negative", (s,), {"reg_covar": -1.0}),
        (ValueError, "covariance_type is 'diag', but the statistics are of 'full'", (s,), {"covariance_type": "diag"}),
        (ValueError, "the statistics are empty", (MixtureStatistics(),), {}),
    ]
    for error, message, arguments, keywords in cases:
        with pytest.raises(error, match=message):
            maximization(*arguments, **keywords)
