"""The sums of foldstat.cells over pairs and over numbers, against plain loops."""

import functools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import foldstat
from foldstat.cells import _pairs, pairwise_sum, scalar_sum, summarize


def pair_value(x, y, kernel, gamma):
    if kernel == "product":
        return sum(a * b for a, b in zip(x, y, strict=True))
    if kernel == "distance":
        return math.sqrt(sum((a - b) ** 2 for a, b in zip(x, y, strict=True)))
    if kernel == "rbf":
        return math.exp(-gamma * sum((a - b) ** 2 for a, b in zip(x, y, strict=True)))
    return math.exp(-gamma * sum(abs(a - b) for a, b in zip(x, y, strict=True)))


def loop_pairwise_sum(X, Y, kernel, gamma):
    return math.fsum(pair_value(x, y, kernel, gamma) for x in X for y in Y)


KERNELS = ("product", "rbf", "laplacian", "distance")


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("two_samples", [False, True])
@pytest.mark.parametrize("d", [None, 1, 2, 3])
@settings(max_examples=10, deadline=None)
@given(n=st.integers(0, 40), m=st.integers(0, 40), seed=st.integers(0, 2**32 - 1))
def test_pairwise_sum_is_the_double_loop(kernel, two_samples, d, n, m, seed):
    rng = np.random.default_rng(seed)
    # Rounding makes ties, which the sorted one-dimensional distances must survive.
    X = rng.normal(size=(n, d or 1)).round(1)
    Y = rng.normal(size=(m, d or 1)).round(1) if two_samples else X
    gamma = float(rng.uniform(0.1, 2.0)) if kernel in ("rbf", "laplacian") else None
    samples = {"X": X} | ({"Y": Y} if two_samples else {})
    if d is None:
        samples = {name: values[:, 0] for name, values in samples.items()}
    result = pairwise_sum(**samples, kernel=kernel, gamma=gamma)
    expected = loop_pairwise_sum(X, Y, kernel, gamma)
    size = loop_pairwise_sum(np.abs(X), np.abs(Y), kernel, gamma)  # products may cancel
    assert isinstance(result, float)
    assert result == pytest.approx(expected, rel=1e-10, abs=1e-11 * (1 + size))


@pytest.mark.parametrize("kernel", KERNELS)
def test_pairwise_sum_over_many_blocks(kernel):
    rng = np.random.default_rng(2)
    X, Y = rng.normal(size=(3001, 2)), rng.normal(size=(1777, 2))
    difference = X[:, None, :] - Y[None, :, :]
    expected = {
        "product": (X @ Y.T).sum(),
        "rbf": np.exp(-0.5 * (difference**2).sum(axis=2)).sum(),
        "laplacian": np.exp(-0.5 * np.abs(difference).sum(axis=2)).sum(),
        "distance": np.sqrt((difference**2).sum(axis=2)).sum(),
    }[kernel]
    results = [pairwise_sum(X, threads, Y=Y, kernel=kernel) for threads in (1, 2, 3)]
    assert results[0] == pytest.approx(expected, rel=1e-10)
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("d", [None, 1, 3])
@settings(max_examples=10, deadline=None)
@given(n=st.integers(0, 40), seed=st.integers(0, 2**32 - 1))
def test_scalar_sum_is_the_part_of_one_row(kernel, d, n, seed):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(n, d or 1)), rng.normal(size=d or 1)
    sample, row = (X[:, 0], y[0]) if d is None else (X, y)
    result = scalar_sum(sample, row, kernel=kernel)
    expected = math.fsum(pair_value(x, y, kernel, 1 / (d or 1)) for x in X)
    assert isinstance(result, float)
    assert result == pytest.approx(expected, rel=1e-10, abs=1e-10)
    parts = math.fsum(map(functools.partial(scalar_sum, sample, kernel=kernel), sample))
    assert parts == pytest.approx(pairwise_sum(sample, kernel=kernel), rel=1e-10, abs=1e-10)


def test_n_jobs_reaches_the_kernel_and_wins_over_the_threads_block(monkeypatch):
    used = []
    monkeypatch.setattr(_pairs._core, "pairwise_sum", lambda *arguments: used.append(arguments[-1]))
    pairwise_sum([1.0])
    with foldstat.threads(3):
        pairwise_sum([1.0])
        pairwise_sum([1.0], 2)
        pairwise_sum([1.0], 4.0)
        pairwise_sum([1.0], n_jobs=np.int64(1))
    assert used == [None, 3, 2, 4, 1]


def test_pairwise_gamma_defaults_to_one_over_the_number_of_columns():
    X = np.random.default_rng(0).normal(size=(20, 4))
    for kernel in ("rbf", "laplacian"):
        assert pairwise_sum(X, kernel=kernel) == pairwise_sum(X, kernel=kernel, gamma=0.25)
        assert pairwise_sum(X, kernel=kernel) != pairwise_sum(X, kernel=kernel, gamma=0.3)


def test_pairwise_distance_keeps_its_digits_far_from_the_origin():
    X = np.random.default_rng(7).normal(size=500)
    near = pairwise_sum(X, kernel="distance")
    assert pairwise_sum(X + 1e8, kernel="distance") == pytest.approx(near, rel=1e-6)


def test_pairwise_sum_takes_float32_and_mixed_types():
    X = np.random.default_rng(9).normal(size=(200, 2))
    single = X.astype(np.float32)
    expected = pairwise_sum(single.astype(np.float64), Y=X, kernel="rbf")
    assert pairwise_sum(single, Y=X, kernel="rbf") == pytest.approx(expected, rel=1e-12)
    both = pairwise_sum(single, kernel="rbf")
    assert both == pytest.approx(pairwise_sum(single.astype(np.float64), kernel="rbf"), rel=1e-5)


@given(st.lists(st.integers(-(2**40), 2**40), max_size=200))
def test_summarize_counts_and_adds(numbers):
    # Sums of these integers are exact in float64, whatever the order.
    count, total = summarize(np.array(numbers, dtype=np.float64))
    assert (type(count), type(total)) == (int, float)
    assert (count, total) == (len(numbers), float(sum(numbers)))


@given(st.integers(0, 50), st.integers(0, 4), st.integers(0, 99))
def test_summarize_adds_up_rows(n, d, seed):
    X = np.random.default_rng(seed).integers(-(2**40), 2**40, size=(n, d)).astype(np.float64)
    count, total = summarize(X)
    assert count == n
    assert total.dtype == np.float64
    np.testing.assert_array_equal(total, sum(X, np.zeros(d)))  # row by row, as a loop does
    np.testing.assert_array_equal(summarize(X.T.copy().T)[1], total)


def test_summaries_of_pieces_merge_to_the_summary_of_the_whole():
    numbers = np.random.default_rng(1).normal(size=100_001)
    pieces = [summarize(piece) for piece in np.array_split(numbers, 7)]
    count, total = summarize(numbers)
    assert count == sum(piece[0] for piece in pieces) == 100_001
    assert total == pytest.approx(math.fsum(numbers), rel=1e-12, abs=1e-9)
    assert total == pytest.approx(sum(piece[1] for piece in pieces), rel=1e-12, abs=1e-9)


def test_summarize_may_overflow_to_infinity():
    assert summarize([1e308, 1e308]) == (2, math.inf)


def test_summarize_adds_float32_in_float64():
    numbers = np.full(2_000_000, 0.1, dtype=np.float32)
    assert summarize(numbers)[1] == pytest.approx(2_000_000 * float(np.float32(0.1)), rel=1e-12)


X2 = np.zeros((3, 2))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pairwise_sum(X2, kernel="cosine"), "kernel must be one of 'product'"),
        (lambda: pairwise_sum(X2, kernel="distance", gamma=1.0), "has no gamma"),
        (lambda: pairwise_sum(X2, kernel="rbf", gamma=0.0), "gamma must be a positive"),
        (lambda: pairwise_sum(X2, kernel="rbf", gamma="1"), "gamma must be a positive"),
        (lambda: pairwise_sum(X2, Y=np.zeros((3, 1))), "Y has 1 columns but X has 2"),
        (lambda: pairwise_sum([1.0, np.inf]), "infinity"),
        (lambda: pairwise_sum(np.zeros((3, 0))), "X must have at least one column"),
        (lambda: pairwise_sum(X2, 0), "n_jobs"),
        (lambda: pairwise_sum(X2, 2.5), "n_jobs must be a number of threads, .* got 2.5"),
        (lambda: scalar_sum(X2, 1.0), r"y must be one row of 2 numbers, as X has, got shape \(\)"),
        (lambda: scalar_sum(X2, X2), r"y must be one row of 2 numbers, as X has, got shape \(3, 2\)"),
        (lambda: scalar_sum([1.0, 2.0], [1.0, 2.0]), r"y must be one row of 1 numbers"),
        (lambda: scalar_sum([1.0], np.nan), "NaN|nan"),
        (lambda: summarize(np.zeros((2, 2, 2))), r"X must have shape \(n,\) or \(n, d\), got \(2, 2, 2\)"),
        (lambda: summarize(3.0), r"X must have shape"),
        (lambda: summarize([1.0, np.nan]), "NaN.* row 1"),
        (lambda: summarize([[1.0, np.inf]]), r"X must be finite, got inf at \(0, 1\)"),
    ],
)
def test_errors_say_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("second", [[1.0], [[1.0]], np.zeros(4)])
def test_a_second_sample_has_to_be_named(second):
    with pytest.raises(TypeError, match=r"second argument is n_jobs.* give a second sample as Y="):
        pairwise_sum([1.0], second)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), power=st.integers(-1000, 1000), d=st.integers(2, 4), two=st.booleans())
def test_distances_of_any_magnitude(seed, power, d, two):
    rng = np.random.default_rng(seed)
    X, Y = rng.normal(size=(40, d)), rng.normal(size=(30, d)) if two else None
    expected = loop_pairwise_sum(X, X if Y is None else Y, "distance", None)
    scaled = pairwise_sum(np.ldexp(X, power), Y=None if Y is None else np.ldexp(Y, power), kernel="distance")
    np.testing.assert_allclose(scaled, np.ldexp(expected, power), rtol=1e-12)


def test_distances_far_below_the_largest_number():
    X = np.array([[1e200, 0.0], [0.0, 1e-200], [0.0, 3e-200]])
    assert pairwise_sum(X, kernel="distance") == pytest.approx(4e200, rel=1e-14)
    assert pairwise_sum(np.zeros((3, 2)), kernel="distance") == 0.0
    assert pairwise_sum([[5e-324, 0.0]], Y=[[0.0, 0.0]], kernel="distance") == 5e-324


@pytest.mark.parametrize("far", [0.0, 1e130, 1e160, 1e300, -1.7e308])
@pytest.mark.parametrize("near", [1.0, 1e-60, 1e-170, 1e-300, 1e150])
def test_distances_are_those_of_the_differences(far, near):
    # The large numbers are the same in all rows, or differ by as little as they can.
    for column in ([far, far, far], [far, far, np.nextafter(far, 0.0)]):
        X = np.array([column, [0.0, near, 3 * near]]).T
        expected = sum(2 * math.dist(X[i], X[j]) for i in range(3) for j in range(i))
        assert pairwise_sum(X, kernel="distance") == pytest.approx(expected, rel=1e-14)
        assert pairwise_sum(X, Y=X, kernel="distance") == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("n_jobs", ["2", 2j])
def test_a_number_of_threads_is_a_number(n_jobs):
    with pytest.raises(TypeError, match="n_jobs must be a number of threads"):
        pairwise_sum([1.0], n_jobs)
