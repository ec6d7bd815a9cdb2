"""At the edges of what the kernels accept: right numbers or a clear error, never a crash."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

import kernel_functions
from foldstat import MixtureStatistics, _core
from instruction_sets import at_level

UNIT = (np.array([0.5, 0.5]), np.array([[0.0, 0.0], [1.0, 1.0]]), np.ones((2, 2)))


def rows(n=200, d=2, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d)).astype(dtype)


def test_the_sign_of_a_factor_does_not_matter():
    weights, means, factors = UNIT
    X = rows()
    np.testing.assert_array_equal(
        kernel_functions.score_samples(X, weights, means, -factors, "diag"),
        kernel_functions.score_samples(X, weights, means, factors, "diag"),
    )


def test_far_rows_in_single_precision():
    X = np.vstack([rows(), [[1e20, 0.0]]]).astype(np.float32)
    ours, exact = (kernel_functions.statistics(x, *UNIT, "diag") for x in (X, X.astype(np.float64)))
    np.testing.assert_allclose(ours.scatter, exact.scatter, rtol=1e-6)
    scores = [kernel_functions.score_samples(x, *UNIT, "diag") for x in (X, X.astype(np.float64))]
    np.testing.assert_allclose(scores[0], scores[1], rtol=1e-5)


@pytest.mark.parametrize("weight", [1e39, 1e-46, 16777217.0, 1e-200])
def test_any_weight_in_single_precision(weight):
    X = rows(dtype=np.float32)
    w = np.full(len(X), weight)
    statistics = kernel_functions.statistics(X, *UNIT, "diag", w)
    np.testing.assert_allclose(statistics.responsibility_sums.sum(), statistics.total_weight, rtol=1e-12)
    assert np.isfinite(statistics.log_likelihood)


@pytest.mark.parametrize("weight", [1e-37, 1e-200])
def test_tied_statistics_of_tiny_weights(weight):
    X = rows(300, 8)
    model = (np.array([0.5, 0.5]), np.stack([np.zeros(8), np.ones(8)]), np.eye(8))
    tiny = kernel_functions.statistics(X, *model, "tied", np.full(300, weight)).scatter / weight
    np.testing.assert_allclose(tiny, kernel_functions.statistics(X, *model, "tied").scatter, rtol=1e-9, atol=1e-9)


def test_small_responsibilities_count_with_many_features():
    X = rows(100, 26)
    resp = np.full((100, 1), 1e-40)
    scatter = _core.statistics_from_responsibilities(X, resp, "full").scatter[0] / 1e-40
    np.testing.assert_allclose(scatter, np.cov(X.T, ddof=0) * 100, rtol=1e-9, atol=1e-9)


def test_starts_of_single_precision_do_not_disturb_each_other():
    X = rows(500, 2, np.float32)
    near, far = UNIT, (UNIT[0], UNIT[1] + [[0.0, 0.0], [1e4, 0.0]], UNIT[2])
    alone = kernel_functions.em(X, [near], "diag", 0.0, 1e-6, 3)[0]["lower_bounds"]
    for others in ([near, far], [far, near]):
        fits = kernel_functions.em(X, others, "diag", 0.0, 1e-6, 3)
        beside = next(fit for fit, start in zip(fits, others, strict=True) if start is near)
        np.testing.assert_array_equal(beside["lower_bounds"], alone)


def test_starts_must_be_of_one_size():
    one = tuple(part[:1] for part in UNIT)
    with pytest.raises(ValueError, match="starts"):
        kernel_functions.em(rows(), [UNIT, one], "diag", 0.0, 1e-6, 3)


def test_no_features():
    with pytest.raises(ValueError, match="X"):
        _core.statistics_from_responsibilities(np.zeros((5, 0)), np.ones((5, 2)), "full")


def test_weights_that_sum_to_nothing():
    with pytest.raises(ValueError, match="weights"):
        kernel_functions.score_samples(rows(), np.zeros(2), *UNIT[1:], "diag")


@pytest.mark.parametrize("family", ["diag", "spherical"])
def test_precisions_must_be_positive(family):
    precisions = {"diag": np.array([[1.0, -1.0]]), "spherical": np.array([-1.0])}[family]
    with pytest.raises(ValueError, match="ill-defined"):
        _core.precisions_cholesky_from_precisions(precisions, family)


def test_sums_that_overflow_are_an_error():
    X = rows() * 1e200
    with pytest.raises(ValueError, match="scale the input data"):
        _core.statistics_from_responsibilities(X, np.ones((200, 1)), "diag")


def test_responsibilities_are_checked_where_they_lie():
    resp = np.ones((3000, 2), dtype=np.float32)
    resp[2001, 1] = -1
    with pytest.raises(ValueError, match="row 2001, column 1"):
        _core.statistics_from_responsibilities(rows(3000), resp, "full")


def test_more_threads_than_anyone_needs():
    statistics = [kernel_functions.statistics(rows(20_000), *UNIT, "diag", None, n) for n in (1, 100_000)]
    assert statistics[0] == statistics[1]


def test_an_unknown_instruction_set_is_named():
    environment = {**os.environ, "FOLDSTAT_SIMD": "sse9"}
    done = subprocess.run(
        [sys.executable, "-c", "import foldstat"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert "FOLDSTAT_SIMD" in done.stderr
    assert "sse9" in done.stderr


def test_an_instruction_set_of_another_architecture_limits_nothing():
    program = "import json\nfrom foldstat import _core\nprint(json.dumps(_core.system()['simd']))"
    unlimited = at_level(program, "")
    other = "avx2" if unlimited == "neon" else "neon"
    assert at_level(program, other) == unlimited


def test_the_identity_survives_everything():
    assert MixtureStatistics.from_bytes(MixtureStatistics().to_bytes()) == MixtureStatistics()
