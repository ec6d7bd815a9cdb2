"""Moves that users write: the same rights as compiled ones, and what they give is checked."""

from __future__ import annotations

import numpy as np
import pytest

from foldstat import walkers as w
from walker_targets import PythonStretch, PythonWalk


def log_density(x, y):
    return -(x * x + (y - x) ** 2) / 2


def starts(n=16):
    return np.random.default_rng(1).standard_normal((n, 2))


def sample(move, **options):
    settings = {"start": starts(), "n_steps": 200, "burn_in": 10, "move": move, "rng": 0} | options
    return w.sample(log_density, settings.pop("start"), **settings)


class Gives(w.PythonMove):
    """Proposes whatever it is told."""

    def __init__(self, make):
        self.make = make

    def propose(self, positions, others, rng):
        return self.make(positions, others, rng)


def test_no_thread_and_no_portion_changes_a_bit():
    for move in (PythonStretch(), PythonWalk(np.eye(2))):
        whole = sample(move)
        assert np.array_equal(sample(move, n_jobs=1).draws, whole.draws)
        assert np.array_equal(sample(move, n_steps=50).extend(150).draws, whole.draws)


def test_halves_see_each_other():
    seen = []

    def make(positions, others, rng):
        seen.append((positions.copy(), others.copy()))
        return positions + rng.standard_normal(positions.shape), 0.0

    run = sample(Gives(make), start=starts(9), n_steps=3, burn_in=0)
    (first, second), (third, fourth) = seen[:2]
    assert np.array_equal(first, starts(9)[:5])
    assert np.array_equal(second, starts(9)[5:])
    assert np.array_equal(third, starts(9)[5:])
    assert np.array_equal(fourth, run.draws[:5, 0])  # moved by then


def test_proposals_cannot_reach_back_into_the_walkers():
    def make(positions, others, rng):
        positions += 1e6
        others *= np.nan
        return positions - 1e6 + rng.standard_normal(positions.shape), 0.0

    assert np.abs(sample(Gives(make)).draws).max() < 20


def test_infinite_proposals_are_rejected():
    run = sample(Gives(lambda positions, others, rng: (np.full_like(positions, np.inf), 0.0)), n_steps=5, burn_in=0)
    assert (run.acceptance_rate == 0).all()
    run = sample(Gives(lambda positions, others, rng: (positions, -np.inf)), n_steps=5, burn_in=0)
    assert (run.acceptance_rate == 0).all()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda p, o, r: p,
            TypeError,
            r"Gives.propose must give positions and log_factor, a tuple of two; got ndarray",
        ),
        (
            lambda p, o, r: (p[:3], 0.0),
            ValueError,
            r"positions must be real numbers of shape \(8, 2\), got shape \(3, 2\)",
        ),
        (lambda p, o, r: (p * 1j, 0.0), ValueError, "positions must be real numbers .* dtype complex128"),
        (lambda p, o, r: (p * np.nan, 0.0), ValueError, "positions must not be NaN"),
        (lambda p, o, r: (p, np.zeros(3)), ValueError, r"log_factor must be real numbers of shape \(8,\)"),
        (lambda p, o, r: (p, np.full(8, np.nan)), ValueError, "log_factor must not be NaN"),
        (lambda p, o, r: (p, np.inf), ValueError, r"log_factor must not be \+inf"),
        (lambda p, o, r: 1 / 0, ZeroDivisionError, "division by zero"),
    ],
)
def test_what_is_no_proposal_is_refused(make, error, message):
    with pytest.raises(error, match=message) as caught:
        sample(Gives(make))
    assert caught.value.__notes__ == ["the move raised this at step 0"]


def test_a_move_without_propose_says_so():
    with pytest.raises(NotImplementedError, match=r"PythonMove must have a method propose\(positions, others, rng\)"):
        sample(w.PythonMove())


def test_one_walker_has_no_others():
    with pytest.raises(ValueError, match="n_walkers: must be at least 2, as the move looks at others, found 1"):
        sample(PythonStretch(), start=[0.0, 0.0], n_walkers=1)
    assert sample(PythonWalk(np.eye(2)), start=[0.0, 0.0], n_walkers=1).n_draws == 200


def test_a_saved_run_goes_on_with_its_move(tmp_path):
    run = sample(PythonStretch())
    run.save(tmp_path / "run.npz")
    loaded = w.load(tmp_path / "run.npz", log_density)
    with pytest.raises(ValueError, match=r"has lost the functions of its move, PythonStretch\(\)"):
        loaded.extend(10)
    assert np.array_equal(loaded.extend(10, move=PythonStretch()).draws, run.extend(10).draws)


def test_ctrl_c_ends_the_walk():
    count = []

    def make(positions, others, rng):
        count.append(None)
        if len(count) == 101:
            raise KeyboardInterrupt
        return positions, 0.0

    with pytest.warns(RuntimeWarning, match="interrupted after 50 of 210 steps"):
        run = sample(Gives(make))
    assert run.interrupted
    assert run.n_draws == 40
