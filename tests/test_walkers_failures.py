"""Densities that fail on the way: what was done before is right, and goes on as if nothing had happened."""

from __future__ import annotations

import numpy as np
import pytest

from foldstat import walkers as w

STARTS = np.random.default_rng(0).normal(size=(21, 2))
BURN_IN, N_STEPS = 10, 60

MOVES = {
    "uniform": w.UniformStep(1.0),
    "adaptive": w.AdaptiveStep(),
    "pooled": w.PooledStep(),
    "componentwise": w.ComponentwiseStep(1.0),
    "stretch": w.Stretch(),
    "mix": w.Mix([(1, w.Stretch()), (1, w.ComponentwiseStep(1.0))]),
}
WAYS = {
    "points": {"call": "points"},
    "point": {"call": "point", "where": "python"},
    "coordinates": {"call": "coordinates", "where": "python"},
}


class OnPurposeError(Exception):
    pass


class Failing:
    """A normal distribution that fails at its k-th call, and only then."""

    def __init__(self, way, k, failure, log=True):
        self.way, self.k, self.failure, self.log, self.n_calls = way, k, failure, log, 0

    def value(self, *arguments):
        self.n_calls += 1
        points = np.array(arguments) if self.way == "coordinates" else arguments[0]
        values = -0.5 * (points**2).sum(axis=-1)
        values = values if self.log else np.exp(values)
        if self.n_calls == self.k:
            if isinstance(self.failure, BaseException):
                raise self.failure
            values = np.array(values)
            values[..., -1 if self.way == "points" else None] = self.failure
        return values if self.way == "points" else float(values)

    def function(self):
        if self.way == "coordinates":
            return lambda x, y: self.value(x, y)
        return lambda point: self.value(point)


def walk(way, move, density, n_steps=N_STEPS, **options):
    how = {**WAYS[way], **options}
    return w.sample(density.function(), STARTS, n_steps, BURN_IN, move=MOVES[move], rng=4, **how)


def check_partial(partial, whole):
    """What is left of a run is the beginning of the whole one, and its end can be added."""
    n = partial.n_draws
    assert partial.interrupted
    np.testing.assert_array_equal(partial.draws, whole.draws[:, :n])
    np.testing.assert_array_equal(partial.log_density, whole.log_density[:, :n])
    rest = partial.extend(N_STEPS - partial.n_steps)
    np.testing.assert_array_equal(rest.draws, whole.draws)
    np.testing.assert_array_equal(rest.log_density, whole.log_density)
    np.testing.assert_array_equal(rest.acceptance_rate, whole.acceptance_rate)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("move", MOVES)
def test_exceptions_leave_the_draws_so_far(move, way):
    whole = walk(way, move, Failing(way, -1, None))
    total = Failing(way, -1, None)
    walk(way, move, total)
    for share in (0.1, 0.5, 0.9):
        raised = OnPurposeError("in the density")
        with pytest.raises(OnPurposeError) as caught:
            walk(way, move, Failing(way, int(share * total.n_calls), raised))
        assert caught.value is raised
        check_partial(caught.value.partial, whole)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("move", MOVES)
def test_as_many_steps_are_kept_as_were_whole(move, way):
    density = Failing(way, -1, None)
    walk(way, move, density, n_steps=1)
    # One more step is asked for, and fails at its last evaluation.
    one_more = Failing(way, -1, None)
    walk(way, move, one_more, n_steps=2)
    with pytest.raises(OnPurposeError) as caught:
        walk(way, move, Failing(way, one_more.n_calls, OnPurposeError()), n_steps=N_STEPS)
    assert one_more.n_calls > density.n_calls
    if way == "points":
        assert caught.value.partial.n_steps == 1


@pytest.mark.parametrize(
    ("value", "log", "message"),
    [
        (np.nan, True, r"gave NaN for walker \d+ at step \d+, at the point \[.*nan=\"reject\""),
        (np.inf, True, r"gave inf for walker \d+"),
        (np.nan, False, "gave NaN for walker"),
        (np.inf, False, "gave inf for walker"),
        (-1.0, False, "gave a negative value for walker"),
    ],
)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("move", ["uniform", "stretch"])
def test_values_that_no_density_has(move, way, value, log, message):
    whole = walk(way, move, Failing(way, -1, None, log), log=log)
    total = Failing(way, -1, None, log)
    walk(way, move, total, log=log)
    with pytest.raises(ValueError, match=message) as caught:
        walk(way, move, Failing(way, total.n_calls // 2, value, log), log=log)
    check_partial(caught.value.partial, whole)


@pytest.mark.parametrize("move", MOVES)
def test_nan_may_be_rejected(move):
    def half(points):
        return np.where(points[:, 0] > 0, -0.5 * (points**2).sum(axis=1), np.nan)

    def zero(points):
        return np.where(points[:, 0] > 0, -0.5 * (points**2).sum(axis=1), -np.inf)

    start = np.abs(STARTS)
    runs = [
        w.sample(f, start, N_STEPS, BURN_IN, move=MOVES[move], rng=4, call="points", nan=nan)
        for f, nan in ((half, "reject"), (zero, "raise"))
    ]
    np.testing.assert_array_equal(runs[0].draws, runs[1].draws)
    assert (runs[0].draws[:, :, 0] > 0).all()


@pytest.mark.parametrize(("log", "zero"), [(True, -np.inf), (False, 0.0)])
def test_a_start_of_density_zero_names_the_walker(log, zero):
    def density(points):
        return np.where(points[:, 0] == STARTS[17, 0], zero, 1.0)

    with pytest.raises(ValueError, match=r"zero for walker 17"):
        w.sample(density, STARTS, 10, move=w.UniformStep(1.0), log=log, call="points")


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("move", MOVES)
def test_compiled_functions_raise_what_python_would(move, n_jobs):
    pytest.importorskip("numba")

    def density(x, y):
        if x > 1.5:
            raise ValueError("too far to the right")
        return -0.5 * (x * x + y * y)

    with pytest.raises(ValueError, match="too far to the right") as caught:
        w.sample(density, np.minimum(STARTS, 1.0), 5000, BURN_IN, move=MOVES[move], rng=4, n_jobs=n_jobs)
    partial = caught.value.partial
    assert "compiled" in partial.density_kind
    assert (partial.draws[:, :, 0] <= 1.5).all()
    # The same step for any number of threads.
    with pytest.raises(ValueError, match="too far") as again:
        w.sample(density, np.minimum(STARTS, 1.0), 5000, BURN_IN, move=MOVES[move], rng=4, n_jobs=3)
    np.testing.assert_array_equal(again.value.partial.draws, partial.draws)


def test_moments_stop_with_the_walkers():
    options = {"keep": "moments", "histograms": {0: np.linspace(-3, 3, 7)}}
    whole = walk("points", "uniform", Failing("points", -1, None), **options)
    with pytest.raises(OnPurposeError) as caught:
        walk("points", "uniform", Failing("points", 50, OnPurposeError()), **options)
    partial = caught.value.partial
    rest = partial.extend(N_STEPS - partial.n_steps)
    np.testing.assert_array_equal(rest.moments.means, whole.moments.means)
    np.testing.assert_array_equal(rest.moments.covariances, whole.moments.covariances)
    np.testing.assert_array_equal(rest.histogram(dims=0).counts, whole.histogram(dims=0).counts)


def test_exceptions_that_end_programs_come_through():
    with pytest.raises(SystemExit):
        walk("points", "stretch", Failing("points", 30, SystemExit()))
