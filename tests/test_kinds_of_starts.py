"""Where fits start: samples, stages, whitened k-means, short runs, and what users bring."""

import warnings

import numpy as np
import pytest
import sklearn.cluster
import sklearn.mixture
from hypothesis import given, settings
from hypothesis import strategies as st

from foldstat import GaussianMixture
from foldstat.mixture._start_rows import StartRows, drawn, start_size
from foldstat.mixture._starting import likeliest

FAMILIES = ("full", "tied", "diag", "spherical")


def rows_of(seed, n=400, d=3, k=3, spread=4.0):
    rng = np.random.default_rng(seed)
    centres = spread * rng.normal(size=(k, d))
    labels = rng.integers(k, size=n)
    labels[:k] = range(k)
    return centres[labels] + rng.normal(size=(n, d)), labels


def start_of(X, k=3, **more):
    """The start alone."""
    return GaussianMixture(k, max_iter=0, **{"random_state": 0} | more).fit(X)


def assert_same(ours, theirs):
    for name in ("weights_", "means_", "covariances_", "lower_bounds_"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name), err_msg=name)


# ---------------------------------------------------------------- samples and stages


@settings(max_examples=10)
@given(n=st.integers(100, 900), size=st.integers(20, 300), stages=st.integers(1, 4), weighted=st.booleans())
def test_rows_in_memory_and_in_chunks_start_alike(n, size, stages, weighted):
    X, _ = rows_of(n, n)
    w = np.random.default_rng(n).integers(0, 3, n).astype(float) if weighted else None
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Best performing initialization")
        model = GaussianMixture(2, random_state=1, init_size=size, stages=stages, max_iter=5, n_init=2)
        expected = model.fit(X, sample_weight=w)
        chunks = [X[: n // 3], X[n // 3 :]]
        weights = None if w is None else [w[: n // 3], w[n // 3 :]]
        found = GaussianMixture(**model.get_params()).fit(chunks, sample_weight=weights)
    assert_same(found, expected)


def test_no_more_rows_than_are_looked_at_start_as_they_did():
    X, _ = rows_of(0, 400)
    assert start_size(3, 3) >= len(X)
    plain = GaussianMixture(3, random_state=0).fit(X)
    for more in ({"stages": 1}, {"init_size": 400}, {"init_size": 500, "stages": 4}):
        assert_same(GaussianMixture(3, random_state=0, **more).fit(X), plain)


def test_many_rows_are_a_sample_first():
    X, _ = rows_of(1, 30_000, d=2)
    assert start_size(3, 2) == 20_000
    model = start_of(X, stages=1)
    assert_same(model, start_of(drawn_rows(X, 20_000, model)))
    few, many = (GaussianMixture(3, random_state=0, stages=stages).fit(X) for stages in (2, 1))
    assert few.n_iter_ <= many.n_iter_
    assert abs(few.score(X) - many.score(X)) < 1e-3


def drawn_rows(X, size, model):
    rows = StartRows(size, model._seeds_of_starts(model._plan(X.shape[1], False, None).given)[0])
    rows.add(X, None)
    return rows.chosen().rows


@given(n=st.integers(2, 400), size=st.integers(1, 400), seed=st.integers(0, 2**64 - 1), weighted=st.booleans())
def test_drawn_rows_are_those_of_a_stream(n, size, seed, weighted):
    X = np.arange(2.0 * n).reshape(n, 2)
    w = np.random.default_rng(n).integers(0, 2, n).astype(float) if weighted else None
    stream = StartRows(size, seed)
    for begin in range(0, n, 7):
        stream.add(X[begin : begin + 7], None if w is None else w[begin : begin + 7])
    if n <= size:
        return
    found = drawn((X, w), size, seed)
    np.testing.assert_array_equal(found.rows, stream.chosen().rows)
    if weighted:
        np.testing.assert_array_equal(found.weights, stream.chosen().weights)


def test_clusters_that_are_too_small_in_the_sample_are_looked_for_in_all_rows():
    rng = np.random.default_rng(3)
    X = np.concatenate([rng.normal(size=(60_000, 4)), 1e4 + rng.normal(size=(12, 4))])
    for seed in range(3):
        model = GaussianMixture(2, random_state=seed, reg_covar=0.0).fit(X)
        assert model.weights_.min() == pytest.approx(12 / len(X), rel=1e-6)


# ---------------------------------------------------------------- whitened k-means


@settings(max_examples=15)
@given(seed=st.integers(0, 10**6), family=st.sampled_from(FAMILIES))
def test_whitened_starts_know_no_linear_map(seed, family):
    X, _ = rows_of(seed)
    rng = np.random.default_rng(seed)
    # Not near to singular: rounding would move rows from cluster to cluster.
    left, right = (np.linalg.qr(rng.normal(size=(3, 3)))[0] for _ in range(2))
    A, b = left * rng.uniform(0.1, 10, 3) @ right, rng.normal(size=3)
    plain, mapped = (start_of(rows, init_params="whitened", covariance_type=family) for rows in (X, X @ A + b))
    np.testing.assert_allclose(mapped.weights_, plain.weights_, rtol=1e-9)
    np.testing.assert_allclose(mapped.means_, plain.means_ @ A + b, rtol=1e-6, atol=1e-6)


def test_whitened_starts_are_those_of_scikit_learns_kmeans():
    X, _ = rows_of(2, spread=8.0)
    X = X * [1, 100, 0.01]
    model = start_of(X, init_params="whitened")
    L = np.linalg.cholesky(np.linalg.inv(np.cov(X.T)))
    theirs = sklearn.cluster.KMeans(3, n_init=10, random_state=0).fit_predict((X - X.mean(0)) @ L)
    means = np.array([X[theirs == j].mean(0) for j in range(3)])
    order, other = np.argsort(model.means_[:, 0]), np.argsort(means[:, 0])
    np.testing.assert_allclose(model.means_[order], means[other], rtol=1e-9)


def test_dependent_columns_are_refused():
    X, _ = rows_of(3)
    with pytest.raises(ValueError, match=r"whitened.*leave one out"):
        start_of(np.c_[X, np.ones(len(X))], init_params="whitened")


# ---------------------------------------------------------------- short runs


@settings(max_examples=6)
@given(seed=st.integers(0, 10**6), family=st.sampled_from(FAMILIES))
def test_short_runs_move_with_units_and_origins(seed, family):
    X, _ = rows_of(seed, 200)
    units = np.exp2([-6, 0, 9]) if family != "spherical" else np.full(3, 2.0**7)
    moved = np.round(X * 1024) / 1024
    plain, other = (
        start_of(rows, init_params="short-em", covariance_type=family, reg_covar=0.0, random_state=seed)
        for rows in (moved, moved * units)
    )
    np.testing.assert_allclose(other.means_, plain.means_ * units, rtol=1e-6, atol=1e-9)


def test_the_likeliest_of_each_group_goes_on():
    fits = [{"lower_bounds": np.array([-9.0, bound])} for bound in (-3.0, -1.0, -2.0, -5.0, -4.0, -6.0)]
    assert likeliest(fits, 3) == [fits[1], fits[4]]
    assert likeliest(fits, 1) == fits


def test_short_runs_are_likelier_than_one_of_them():
    gains = []
    for seed in range(8):
        X, _ = rows_of(seed, 500, d=2, k=6, spread=3.0)
        short, single = (
            # Of one covariance: others find spikes, which are likely and worth nothing.
            GaussianMixture(6, covariance_type="tied", init_params=name, random_state=seed, max_iter=300).fit(X)
            for name in ("short-em", "random_from_data")
        )
        gains.append(short.lower_bound_ - single.lower_bound_)
    assert np.mean(gains) > 0


@pytest.mark.parametrize("name", ["whitened", "short-em"])
@pytest.mark.parametrize("family", FAMILIES)
def test_other_kinds_are_the_same_for_threads_chunks_and_restarts(name, family):
    X, _ = rows_of(5, 700)
    X = X.astype(np.float32) if family == "diag" else X
    given = {"init_params": name, "covariance_type": family, "random_state": 3, "max_iter": 200}
    expected = GaussianMixture(3, n_jobs=1, **given).fit(X)
    assert_same(GaussianMixture(3, n_jobs=3, **given).fit(X), expected)
    assert_same(GaussianMixture(3, **given).fit([X[:100], X[100:]]), expected)
    assert GaussianMixture(3, n_init=3, **given).fit(X).lower_bound_ >= expected.lower_bound_
    heavy = np.where(np.arange(len(X)) < 600, 2.0, 0.0)
    light = GaussianMixture(3, **given).fit(X, sample_weight=heavy)
    assert light.means_.shape == (3, 3)


# ---------------------------------------------------------------- what users bring


@pytest.mark.parametrize("family", FAMILIES)
def test_labels_and_responsibilities_are_one_step_of_scikit_learn(family):
    X, labels = rows_of(6)
    soft = np.random.default_rng(0).dirichlet(np.ones(3), len(X))
    for values, shares in ((labels, np.eye(3)[labels]), (soft, soft)):
        model = start_of(X, init_params=values, covariance_type=family)
        theirs = sklearn.mixture.GaussianMixture(3, covariance_type=family)
        theirs._initialize(X, shares)
        np.testing.assert_allclose(model.weights_, theirs.weights_, rtol=1e-10)
        np.testing.assert_allclose(model.means_, theirs.means_, rtol=1e-10)
        np.testing.assert_allclose(model.precisions_cholesky_, theirs.precisions_cholesky_, rtol=1e-8, atol=1e-10)


def test_rows_without_a_label_count_for_none():
    X, labels = rows_of(7)
    some = np.where(np.arange(len(X)) % 2, labels, -1)
    model, odd = start_of(X, init_params=some), start_of(X[1::2], init_params=labels[1::2])
    np.testing.assert_allclose(model.means_, odd.means_, rtol=1e-12)
    np.testing.assert_allclose(model.weights_, odd.weights_, rtol=1e-12)


def test_given_parameters_replace_those_of_any_kind():
    X, labels = rows_of(8)
    means, precisions, weights = X[:3], np.array([2.0 * np.eye(3)] * 3), [0.2, 0.3, 0.5]
    for name in ("whitened", "short-em", labels, lambda X, k, r: labels):
        model = start_of(
            X, init_params=name, means_init=means, precisions_init=precisions, weights_init=[0.2, 0.3, 0.5]
        )
        np.testing.assert_allclose(model.means_, means)
        np.testing.assert_allclose(model.weights_, weights)
        np.testing.assert_allclose(model.covariances_, 0.5 * np.array([np.eye(3)] * 3))
        partly = start_of(X, init_params=name, precisions_init=precisions)
        np.testing.assert_allclose(partly.covariances_, 0.5 * np.array([np.eye(3)] * 3))


def test_functions_see_the_rows_that_are_looked_at():
    X, labels = rows_of(9, 900)
    seen = []

    def function(rows, k, random_state):
        seen.append((len(rows), k, random_state.randint(1000)))
        return rows[random_state.choice(len(rows), k, replace=False)]

    first = GaussianMixture(3, init_params=function, init_size=300, random_state=0, n_init=2).fit(X)
    assert [part[:2] for part in seen] == [(300, 3)] * 2
    assert seen[0] != seen[1]
    again = GaussianMixture(3, init_params=function, init_size=300, random_state=0, n_init=2).fit([X[:400], X[400:]])
    assert seen[2:] == seen[:2]
    assert_same(again, first)
    means = np.array([X[labels == j].mean(0) for j in range(3)])
    model = start_of(X, init_params=lambda rows, k, random_state: means)
    nearest = ((X[:, None] - means) ** 2).sum(2).argmin(1)
    np.testing.assert_allclose(model.means_, [X[nearest == j].mean(0) for j in range(3)], rtol=1e-10)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (lambda X, labels: labels[:-1], "of shape .*got shape"),
        (lambda X, labels: labels + 1, "from 0 to 2, or -1 for none, got 3"),
        (lambda X, labels: labels + 0.5, "from 0 to 2"),
        (lambda X, labels: np.zeros(len(X)), "there is none for component 1"),
        (lambda X, labels: np.full(len(X), "a"), "must be numbers"),
        (lambda X, labels: np.full((len(X), 3), 0.5), "of sum 1 in each row.*a sum of 1.5 in row 0"),
        (lambda X, labels: np.full((len(X), 3), np.nan), "finite and not negative"),
        (lambda X, labels: np.eye(3)[np.zeros(len(X), int)], "there is none for component 1"),
        (lambda X, labels: np.full((3, 3), np.inf), "must be finite"),
        (lambda X, labels: np.full((3, 3), 7.0), "there is none for component"),
    ],
)
def test_what_cannot_be_a_start_is_told(bad, words):
    X, labels = rows_of(10)
    with pytest.raises(ValueError, match=f"init_params .*{words}"):
        start_of(X, init_params=bad(X, labels))
    with pytest.raises(ValueError, match=f"what init_params returned .*{words}"):
        start_of(X, init_params=lambda rows, k, random_state: bad(X, labels))


def test_an_array_is_of_all_rows():
    X, labels = rows_of(11, 500)
    assert_same(
        GaussianMixture(3, init_params=labels).fit([X[:200], X[200:]]), GaussianMixture(3, init_params=labels).fit(X)
    )
    with pytest.raises(ValueError, match=r"init_params is an array, and .*init_size=500"):
        GaussianMixture(3, init_params=labels, init_size=100).fit([X[:200], X[200:]])
