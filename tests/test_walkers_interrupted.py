"""Walks that end early: what the density raises, NaN, Ctrl-C."""

import _thread
import dataclasses
import signal
import threading
import warnings

import numpy as np
import pytest

from foldstat import walkers as w
from small_walks import normal, sample


class NuisanceError(Exception):
    """What the density below raises."""


@pytest.mark.parametrize("keep", ["draws", "moments"])
@pytest.mark.parametrize("calls", [9 * 45 + 4, 9 * 11 + 4])
def test_what_the_density_raises_comes_out_with_the_draws_so_far(calls, keep):
    left = calls

    def density(x, y):
        nonlocal left
        left -= 1
        if left == 0:
            raise NuisanceError("enough")
        return normal(x, y)

    with pytest.raises(NuisanceError, match="enough") as caught:
        sample(density, call="coordinates", keep=keep)
    run = caught.value.partial
    assert run.interrupted
    assert run.n_steps < 60
    long = sample(keep=keep)
    mended = run.extend(60 - run.n_steps)
    assert not mended.interrupted
    if keep == "draws":
        np.testing.assert_array_equal(run.draws, long.draws[:, : run.n_draws])
        np.testing.assert_array_equal(mended.draws, long.draws)
    else:
        np.testing.assert_array_equal(mended.moments.means, long.moments.means)
        np.testing.assert_array_equal(mended.histogram().counts, long.histogram().counts)


@dataclasses.dataclass(frozen=True)
class FrozenError(Exception):
    """An exception that takes no attributes."""

    code: int


class OccupiedError(Exception):
    """An exception that has this attribute, and another use for it."""

    @property
    def partial(self):
        return "mine"


@pytest.mark.parametrize("error", [FrozenError(3), OccupiedError("full")])
def test_exceptions_that_take_no_attributes_come_out_as_they_are(error):
    calls = 0

    def density(x, y):
        nonlocal calls
        calls += 1
        if calls > 300:
            raise error
        return normal(x, y)

    with pytest.raises(type(error)) as caught:
        sample(density, call="coordinates")
    assert caught.value is error
    if isinstance(error, FrozenError):
        assert error.partial.n_draws > 0
    else:
        assert "draws so far are lost" in error.__notes__[-1]


@pytest.mark.parametrize("nan", [float("nan"), float("inf")])
def test_a_density_that_is_no_number_names_the_point_and_leaves_the_draws(nan):
    with pytest.raises(ValueError, match=r"nan|NaN|inf") as caught:
        sample(lambda x, y: nan if x > 2.5 else normal(x, y), n_steps=1000, burn_in=0)
    assert caught.value.partial.draws[..., 0].max() <= 2.5


def test_nan_may_be_rejected():
    run = sample(lambda x, y: float("nan") if x > 1.0 else normal(x, y), nan="reject", burn_in=0)
    assert run.draws[..., 0].max() <= 1.0
    np.testing.assert_array_equal(run.draws, sample(bounds=[(None, 1.0), None], burn_in=0).draws)


@pytest.mark.parametrize("after", [9 * 50, 9 * 5])
@pytest.mark.parametrize("keep", ["draws", "moments"])
def test_ctrl_c_returns_what_is_done(after, keep):
    calls = 0

    def density(x, y):
        nonlocal calls
        calls += 1
        if calls == after:
            raise KeyboardInterrupt
        return normal(x, y)

    with pytest.warns(RuntimeWarning, match=r"interrupted after \d+ of 80 steps.*extend"):
        run = sample(density, call="coordinates", keep=keep)
    assert run.interrupted
    assert "interrupted" in repr(run)
    long = sample(keep=keep)
    mended = run.extend(60 - run.n_steps)
    np.testing.assert_array_equal(mended.positions, long.positions)
    np.testing.assert_array_equal(mended.mean(), long.mean())
    if run.n_draws == 0:
        assert np.isnan(run.acceptance_rate).all()
        assert np.isnan(run.mean()).all()
        with pytest.raises(ValueError, match="no draws yet"):
            run.summary()


@pytest.fixture
def sigint_is_heard():
    """A run in the background ignores SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("sigint_is_heard")
def test_ctrl_c_reaches_a_built_in_density():
    timer = threading.Timer(0.2, _thread.interrupt_main)
    timer.start()
    with pytest.warns(RuntimeWarning, match="interrupted"):
        run = w.sample(w.densities.Banana(), [0.0, 0.0], n_steps=2**40, thin=2**20, n_walkers=64, rng=0)
    assert run.interrupted
    assert run.n_steps > 0


def test_where_warnings_are_errors_the_run_is_not_lost():
    def density(x, y):
        raise KeyboardInterrupt

    run = sample()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(RuntimeWarning) as caught:
            run.extend(5, density=_then(normal, density, 9 * 2), call="coordinates", where="python")
    np.testing.assert_array_equal(caught.value.partial.draws, run.draws)


def _then(first, second, after):
    """A function that is `first` for so many calls, and then `second`."""
    calls = 0

    def density(x, y):
        nonlocal calls
        calls += 1
        return first(x, y) if calls <= after - 9 else second(x, y)

    return density


def test_an_error_at_the_starts_leaves_no_draws():
    with pytest.raises(ValueError, match=r"not a number|NaN|nan") as caught:
        sample(lambda x, y: float("nan"))
    assert caught.value.partial is None
    assert issubclass(w.DensityStatusError, RuntimeError)
