"""Ranges of walkers are to the bit those walkers of the one big run, and join to it."""

from __future__ import annotations

import itertools
import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foldstat import GaussianMixture
from foldstat import walkers as w
from foldstat.walkers._moves import MOVES
from foldstat.walkers.run._save import state_of

N = 24
SHORT = {"n_steps": 24, "burn_in": 16, "thin": 2, "rng": 7}


class OwnWalk(w.PythonMove):
    """Proposals of Python, for all walkers together."""

    interacts = False

    def propose(self, positions, others, rng):
        return positions + rng.standard_normal(positions.shape), 0.0


def draw_x(y, rng):
    return 0.5 * y + rng.standard_normal()


def by_coordinates(x, y):
    return -(x * x + (y - 0.5 * x) ** 2) / 2


def of_points(points):
    return -(points[:, 0] ** 2 + (points[:, 1] - 0.5 * points[:, 0]) ** 2) / 2


ALONE = {
    "UniformStep": w.UniformStep(1.5),
    "NormalStep": w.NormalStep([[1.0, 0.3], [0.3, 2.0]]),
    "ComponentwiseStep": w.ComponentwiseStep(2.0),
    "AdaptiveStep": w.AdaptiveStep(),
    "IndependentStep": w.IndependentStep(0.0, 2.0),
    "Slice": w.Slice(),
    "Gibbs": w.Gibbs({"x": draw_x, "y": w.Slice()}),
    "Mix": w.Mix([(1, w.NormalStep(1.0)), (2, w.AdaptiveStep()), (1, w.Slice())]),
}
LOOKING = {
    "Stretch": w.Stretch(),
    "DifferentialEvolution": w.DifferentialEvolution(),
    "Snooker": w.Snooker(),
    "PooledStep": w.PooledStep(),
    "PythonMove": OwnWalk(),
    "Mix with Stretch": w.Mix([(1, w.NormalStep(1.0)), (1, w.Stretch())]),
}
DENSITIES = {
    "built in": (w.densities.Banana(), {}),
    "compiled": (by_coordinates, {}),
    "Python": (by_coordinates, {"where": "python"}),
    "vectorised": (of_points, {"call": "points"}),
}


def starts(n=N):
    return np.random.default_rng(1).standard_normal((n, 2))


def sample(density, start=None, **options):
    """Walk, for so short a time that nothing has converged."""
    what, how = DENSITIES[density] if isinstance(density, str) else (density, {})
    options = SHORT | how | options
    names = {"names": ("x", "y")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", w.NotConvergedWarning)
        return w.sample(what, starts() if start is None else start, **names | options)


def assert_same(run, whole):
    """Compare everything public."""
    assert run.walkers == whole.walkers
    assert repr(run) == repr(whole)
    for name in ("names", "n_steps", "burn_in", "thin", "n_walkers", "n_draws", "move", "keep", "density_kind"):
        assert getattr(run, name) == getattr(whole, name), name
    assert (run.converged, run.problems, run.interrupted) == (whole.converged, whole.problems, whole.interrupted)
    for name in ("positions", "acceptance_rate"):
        np.testing.assert_array_equal(getattr(run, name), getattr(whole, name))
    assert run.moments == whole.moments
    assert str(run.summary()) == str(whole.summary())
    if run.keep == "draws":
        np.testing.assert_array_equal(run.draws, whole.draws)
        np.testing.assert_array_equal(run.log_density, whole.log_density)
    assert_equal(state_of(run), state_of(whole), "")


def assert_equal(mine, other, name):
    """Compare what runs are saved as, number by number."""
    assert type(mine) is type(other), name
    if isinstance(mine, np.ndarray):
        np.testing.assert_array_equal(mine, other, err_msg=name)
    elif isinstance(mine, dict):
        assert mine.keys() == other.keys(), name
        for key, value in mine.items():
            assert_equal(value, other[key], f"{name}.{key}")
    elif isinstance(mine, (list, tuple)):
        assert len(mine) == len(other), name
        for i, pair in enumerate(zip(mine, other, strict=True)):
            assert_equal(*pair, f"{name}.{i}")
    else:
        assert mine == other, name


def ranges(cuts, n=N):
    ends = [0, *sorted(set(cuts)), n]
    return [range(a, b) for a, b in itertools.pairwise(ends)]


CUTS = st.lists(st.integers(1, N - 1), min_size=1, max_size=4)


# ---------------------------------------------------------------- the law


@settings(max_examples=12, deadline=None)
@given(cuts=CUTS, density=st.sampled_from([*DENSITIES]), shuffle=st.randoms())
@pytest.mark.parametrize("move", ALONE)
def test_ranges_are_rows_of_the_whole_and_join_to_it(move, cuts, density, shuffle):
    whole = sample(density, move=ALONE[move])
    parts = [sample(density, move=ALONE[move], walkers=walkers) for walkers in ranges(cuts)]
    for part in parts:
        rows = slice(part.walkers.start, part.walkers.stop)
        np.testing.assert_array_equal(part.draws, whole.draws[rows])
        np.testing.assert_array_equal(part.log_density, whole.log_density[rows])
        np.testing.assert_array_equal(part.acceptance_rate, whole.acceptance_rate[rows])
    shuffle.shuffle(parts)
    assert_same(w.Run.join(parts), whole)


@pytest.mark.filterwarnings("ignore::foldstat.walkers.NotConvergedWarning")
@pytest.mark.parametrize("move", ["AdaptiveStep", "Slice", "Mix"])
@pytest.mark.parametrize("density", ["built in", "Python"])
def test_what_is_joined_goes_on_as_the_whole(move, density, tmp_path):
    whole = sample(density, move=ALONE[move])
    parts = [sample(density, move=ALONE[move], walkers=walkers) for walkers in ranges([5, 16])]
    run = w.Run.join(parts)
    assert_same(run.extend(20), whole.extend(20))
    assert_same(run.extend(10, burn_in=30), whole.extend(10, burn_in=30))
    # Parts go on, too, and are joined afterwards.
    assert_same(w.Run.join([part.extend(20) for part in parts]), whole.extend(20))
    for run_or_whole, name in ((run, "joined.npz"), (whole, "whole.npz")):
        run_or_whole.save(tmp_path / name)
    with np.load(tmp_path / "joined.npz") as mine, np.load(tmp_path / "whole.npz") as other:
        assert {name: mine[name].tobytes() for name in mine} == {name: other[name].tobytes() for name in other}


@pytest.mark.parametrize("density", ["built in", "compiled"])
def test_parts_travel_in_files_and_pickles(density, tmp_path):
    whole = sample(density, move=w.NormalStep(1.0))
    parts = [sample(density, move=w.NormalStep(1.0), walkers=walkers) for walkers in ranges([7])]
    parts[1].save(tmp_path / "part.npz")
    travelled = [pickle.loads(pickle.dumps(parts[0])), w.load(tmp_path / "part.npz")]
    assert [run.walkers for run in travelled] == [range(7), range(7, N)]
    assert "walkers 7 to 23 of 24" in repr(travelled[1])
    assert_same(w.Run.join(travelled), whole) if density == "built in" else None
    np.testing.assert_array_equal(w.Run.join(travelled).draws, whole.draws)


@settings(max_examples=10, deadline=None)
@given(cuts=CUTS, given_edges=st.booleans(), move=st.sampled_from([*ALONE]))
def test_moments_merge(cuts, given_edges, move):
    edges = np.linspace(-6, 6, 9)
    how = (
        {"histograms": {0: edges, (0, 1): [edges, edges]}}
        if given_edges
        else {"bounds": [(-9, 9)] * 2, "histograms": 5}
    )
    how |= {"keep": "moments", "move": ALONE[move]}
    whole = sample("compiled", **how)
    parts = [sample("compiled", walkers=walkers, **how) for walkers in ranges(cuts)]
    run = w.Run.join(parts)
    assert_same(run, whole)
    assert run.moments == sum((part.moments for part in parts), w.Moments())
    np.testing.assert_array_equal(run.histogram(dims=0).counts, whole.histogram(dims=0).counts)


def test_histograms_of_edges_that_the_ranges_chose_are_left_out():
    whole = sample("compiled", move=w.NormalStep(1.0), keep="moments")
    parts = [sample("compiled", move=w.NormalStep(1.0), keep="moments", walkers=r) for r in ranges([12])]
    with pytest.warns(UserWarning, match=r"histograms of dimensions \(0,\), \(1,\), \(0, 1\) are left out"):
        run = w.Run.join(parts)
    assert run.moments.histograms == {}
    np.testing.assert_array_equal(run.moments.covariances, whole.moments.covariances)
    np.testing.assert_array_equal(run.mean(), whole.mean())


@pytest.mark.parametrize("start", ["one point", "too few", "names", "callable", "callable, redrawn"])
def test_starts_are_those_of_all_walkers(start):
    given = {
        "one point": [0.1, 0.2],
        "too few": starts(5),
        "names": {"x": np.linspace(-1, 1, N), "y": 0.5},
        "callable": lambda rng: rng.standard_normal(2),
        "callable, redrawn": lambda rng: rng.standard_normal(2),
    }[start]
    how = {"n_walkers": N, "move": w.AdaptiveStep(), "names": None if start == "names" else ("x", "y")}
    density = (lambda x, y: -x * x - y * y if x > 0 else -np.inf) if "redrawn" in start else by_coordinates
    how["where"] = "python"
    whole = sample(density, given, **how)
    part = sample(density, given, walkers=range(5, 9), **how)
    np.testing.assert_array_equal(part.draws, whole.draws[5:9])


def test_a_mixture_is_walked_over_in_ranges():
    model = GaussianMixture.from_parameters(np.array([0.5, 0.5]), np.eye(2), np.array([np.eye(2)] * 2))
    whole = sample(w.densities.GaussianMixtureDensity.of(model), move=w.NormalStep(1.0))
    part = sample(w.densities.GaussianMixtureDensity.of(model), move=w.NormalStep(1.0), walkers=range(3, 20))
    np.testing.assert_array_equal(part.draws, whole.draws[3:20])


def test_all_walkers_are_no_part():
    whole = sample("built in", move=w.NormalStep(1.0), walkers=range(N))
    assert_same(w.Run.join([whole]), sample("built in", move=w.NormalStep(1.0)))


# ---------------------------------------------------------------- moves that look at others


@pytest.mark.parametrize("move", LOOKING)
def test_walkers_that_look_at_others_say_that_they_look_at_their_range(move):
    how = {"move": LOOKING[move], "burn_in": 100}
    whole = sample("built in", **how)
    with pytest.warns(UserWarning, match=r"^walkers 0 to 11 of 24: \w+ lets walkers look at each other"):
        part = sample("built in", walkers=range(12), **how)
    assert (part.draws != whole.draws[:12]).any()


@pytest.mark.filterwarnings("ignore:walkers .* of 24:UserWarning")
@pytest.mark.parametrize("move", LOOKING)
def test_ranges_that_looked_at_themselves_are_joined_with_a_warning(move):
    how = {"move": LOOKING[move], "burn_in": 100}
    parts = [sample("built in", walkers=walkers, **how) for walkers in ranges([12])]
    with pytest.warns(UserWarning, match="looked at their own range only"):
        run = w.Run.join(parts)
    np.testing.assert_array_equal(run.draws, np.concatenate([part.draws for part in parts]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", w.NotConvergedWarning)
        assert run.extend(10).n_draws == run.n_draws + 5


@pytest.mark.filterwarnings("ignore:walkers .* of 24:UserWarning")
def test_a_range_of_too_few_walkers_for_the_move_is_not_joined():
    how = {"move": w.PooledStep(), "burn_in": 100}
    parts = [sample("built in", walkers=walkers, **how) for walkers in ranges([3])]
    with pytest.raises(ValueError, match="walkers 0 to 2 of 24 are too few for PooledStep"):
        w.Run.join(parts)


def test_the_lists_hold_every_move():
    """A new move has to be put into one of them."""
    assert {move.__name__ for move in MOVES} == {type(move).__name__ for move in ALONE.values()} | {
        "PythonMove" if isinstance(move, w.PythonMove) else type(move).__name__ for move in LOOKING.values()
    }


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("walkers", "error", "message"),
    [
        ([0, 1], TypeError, r"walkers must be a range such as range\(0, 16\)"),
        (3, TypeError, "walkers must be a range"),
        (range(0, 10, 2), ValueError, r"one after the other, in range\(0, 24\)"),
        (range(5, 5), ValueError, r"in range\(0, 24\)"),
        (range(-1, 5), ValueError, r"in range\(0, 24\)"),
        (range(20, 25), ValueError, r"in range\(0, 24\); got range\(20, 25\)"),
    ],
)
def test_bad_ranges(walkers, error, message):
    with pytest.raises(error, match=message):
        sample("built in", move=w.NormalStep(1.0), walkers=walkers)


def test_ranges_have_a_seed_and_no_end_of_their_own():
    with pytest.raises(ValueError, match="walkers: give rng, too"):
        sample("built in", walkers=range(3), rng=None)
    with pytest.raises(ValueError, match="until looks at all walkers"):
        sample("built in", walkers=range(3), until={"r_hat": 1.1})


def test_errors_name_the_walker_by_its_number_among_all():
    def density(x, y):
        return np.nan if y > 5 else 0.0

    start = starts()
    start[17] = 0, 6
    with pytest.raises(ValueError, match="for walker 17 at step 0"):
        sample(density, start, move=w.NormalStep(1.0), where="python", walkers=range(10, 20), call="coordinates")


def part(walkers, **how):
    return sample(how.pop("density", "built in"), walkers=walkers, **{"move": w.NormalStep(1.0)} | how)


def two_densities():
    return [
        part(range(8), density=by_coordinates, where="python"),
        part(range(8, 24), density=lambda x, y: -(x * x + y * y) / 2, where="python"),
    ]


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (lambda: [], "at least one run, got none"),
        (lambda: [part(range(8)), part(range(10, 24))], "walkers 8 to 9 of 24 are missing"),
        (lambda: [part(range(1, 24))], "walker 0 of 24 is missing"),
        (lambda: [part(range(8)), part(range(8, 20))], "walkers 20 to 23 of 24 are missing"),
        (lambda: [part(range(9)), part(range(8, 24))], "walker 8 is in two runs, walkers 0 to 8 of 24 and walkers 8"),
        (lambda: [part(range(8))] * 2 + [part(range(8, 24))], "walkers 0 to 7 are in two runs"),
        (lambda: [part(range(8)), part(range(8, 24), rng=8)], r"walkers 8 to 23 of 24 have different seeds \(rng\)"),
        (lambda: [part(range(8)), part(range(8, 24), n_steps=26)], "have different numbers of steps, 24 and 26"),
        (lambda: [part(range(8)), part(range(8, 24), burn_in=17)], "have different burn-ins, 16 and 17"),
        (lambda: [part(range(8)), part(range(8, 24), thin=3)], "have different thin, 2 and 3"),
        (lambda: [part(range(8)), part(range(8, 24), keep="moments")], "have different keep, draws and moments"),
        (lambda: [part(range(8)), part(range(8, 24), move=w.NormalStep(2.0))], "have different moves"),
        (lambda: [part(range(8)), part(range(8, 24), density="Python")], "different (names|ways to call the density)"),
        (lambda: [part(range(8)), part(range(8, 24), nan="reject")], "different densities"),
        (lambda: two_densities(), "walkers 8 to 23 of 24 have walked over another density"),
        (
            lambda: pickle.loads(pickle.dumps(two_densities()[:1])) + two_densities()[1:],
            "0 to 7 .* have walked over",
        ),
        (lambda: [part(range(8)), part(range(8, 24), bounds=[(-99, 99)] * 2)], "have different bounds"),
        (lambda: [part(range(8)), part(range(8, 20), start=starts(20))], "are not of one run"),
    ],
)
def test_what_is_not_of_one_run_is_not_joined(parts, message):
    with pytest.raises(ValueError, match=message):
        w.Run.join(parts())


def test_only_runs_are_joined():
    with pytest.raises(TypeError, match=r"Run\.join takes runs, got 3 at position 1"):
        w.Run.join([part(range(8)), 3])
    for wrong in (part(range(24)), None, 3):
        with pytest.raises(TypeError, match=r"Run\.join takes a list of runs, got"):
            w.Run.join(wrong)


def test_a_damaged_file_of_a_part_is_refused(tmp_path):
    run = part(range(8, 24))
    state = run.__reduce__()[1][0] | {"part": [9, 25, 25]}
    with pytest.raises(ValueError, match="it says that it has walkers 9 to 24 of 25"):
        run.__reduce__()[0](state)
