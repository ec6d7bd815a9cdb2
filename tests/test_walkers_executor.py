"""Walkers on the workers of an executor have the bits that they have here."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import pickle
import signal
import threading
import time
import warnings
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foldstat import GaussianMixture
from foldstat import walkers as w
from foldstat.walkers._cluster import _scattered, _team, _worker
from foldstat.walkers.density import understand
from foldstat.walkers.run._names import Names
from test_map_reduce import Deferred
from test_walkers_ranges import ALONE, DENSITIES, LOOKING, SHORT, assert_same, by_coordinates, starts

pytestmark = pytest.mark.filterwarnings("ignore::foldstat.walkers.NotConvergedWarning")


class Engines(Deferred):
    """Workers as in other processes: all goes there and back in bytes, and each knows what it was sent.

    Arrays come read-only and at odd addresses, as those may that dask has sent.
    """

    def __init__(self, n=2, seed=0):
        self._max_workers, self._known = n, [{} for _ in range(n)]
        self.recipes, self.kinds, self.calls = 0, [], 0
        super().__init__(seed)

    def submit(self, fn, /, function, items, *args):
        self.recipes += sum(task.recipe is not None for task in items)
        self.kinds += [type(task.work).__name__ for task in items]
        buffers = []
        call = pickle.dumps((fn, (function, items, *args)), protocol=5, buffer_callback=buffers.append)
        moved = [memoryview(b"." + buffer.raw().tobytes())[1:] for buffer in buffers]

        def there():
            known = self._known[self.calls % len(self._known)]
            self.calls += 1
            with _worker._lock:
                here, _worker._residents = _worker._residents, known
                try:
                    fn, arguments = pickle.loads(call, buffers=moved)
                    return pickle.loads(pickle.dumps(fn(*arguments)))
                finally:
                    _worker._residents = here

        return super().submit(there)


def sample(density, start=None, **options):
    what, how = DENSITIES[density] if isinstance(density, str) else (density, {})
    names = {"names": ("x", "y")}
    return w.sample(what, starts() if start is None else start, **names | SHORT | how | options)


@pytest.fixture(scope="module")
def processes():
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


# ---------------------------------------------------------------- the same bits


@settings(max_examples=6, deadline=None)
@given(
    n=st.integers(1, 3),
    seed=st.integers(0, 9),
    density=st.sampled_from([*DENSITIES]),
    keep=st.sampled_from(["draws", "moments"]),
    first=st.integers(1, 40),
)
@pytest.mark.parametrize("move", [*ALONE, *LOOKING])
@pytest.mark.filterwarnings("ignore:executor. .* lets walkers look at each other:UserWarning")
def test_workers_change_no_bit(move, n, seed, density, keep, first):
    how = {"move": (ALONE | LOOKING)[move], "burn_in": 100, "keep": keep}
    whole = sample(density, **how)
    with pytest.MonkeyPatch.context() as patch, Engines(n, seed) as executor:
        patch.setattr(_scattered, "_FIRST", first)
        run = sample(density, executor=executor, **how)
    assert_same(run, whole)
    assert_same(run.extend(12), whole.extend(12))
    python = density in ("Python", "vectorised")
    kinds = {"Walk"} if move in ALONE else {"Evaluate"} if python else set()
    assert set(executor.kinds) >= kinds
    if move == "PooledStep":
        assert "Walk" in executor.kinds  # once nobody looks at others
    elif move in LOOKING:
        assert "Walk" not in executor.kinds


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("density", ["built in", "compiled", "Python"])
def test_threads(workers, density):
    with ThreadPoolExecutor(workers) as pool:
        for move in (w.NormalStep(1.0), None):
            how = {"move": move, "burn_in": 100}
            assert_same(sample(density, executor=pool, **how), sample(density, **how))


@pytest.mark.parametrize(
    ("density", "move"),
    [("built in", w.Slice()), ("compiled", w.AdaptiveStep()), ("Python", w.Stretch()), ("Python", None)],
)
def test_processes(processes, density, move):
    how = {"move": move, "burn_in": 100}
    assert_same(sample(density, executor=processes, **how), sample(density, **how))


def test_dask():
    """Its functions may be of nobody's module."""
    distributed = pytest.importorskip("distributed")
    scale = 2.0
    with (
        distributed.Client(processes=False, n_workers=2, threads_per_worker=1, dashboard_address=":0") as client,
        client.get_executor() as executor,
    ):
        density = lambda x, y: -(x * x + y * y) / scale  # noqa: E731 - it has no name
        for how in ({"move": w.NormalStep(1.0)}, {"move": w.Stretch(), "where": "python", "n_steps": 6, "burn_in": 2}):
            assert_same(sample(density, executor=executor, **how), sample(density, **how))


def test_ranges_walk_on_workers_too():
    whole = sample("compiled", move=w.AdaptiveStep())
    with Engines() as executor:
        part = sample("compiled", move=w.AdaptiveStep(), walkers=range(3, 21), executor=executor)
        rest = [sample("compiled", move=w.AdaptiveStep(), walkers=r) for r in (range(3), range(21, 24))]
    assert_same(w.Run.join([part, *rest]), whole)


def test_until_ends_at_the_same_step():
    how = {"move": w.IndependentStep(0.0, 2.0), "n_steps": 2000, "thin": 1, "until": {"r_hat": 1.2}}
    with Engines() as executor:
        run = sample("compiled", executor=executor, **how)
    assert_same(run, sample("compiled", **how))
    assert run.n_steps < 2000


def test_histograms_span_what_all_walkers_reach():
    how = {"move": w.NormalStep(1.0), "keep": "moments", "burn_in": 64}
    with Engines() as executor:
        run = sample("built in", executor=executor, **how)
    assert_same(run, sample("built in", **how))
    assert run.moments.histograms


def test_gibbs_that_draws_everything_needs_no_density():
    move = w.Gibbs({"x": conditional, "y": conditional})
    with Engines() as executor:
        run = w.sample(None, starts(), move=move, names=("x", "y"), executor=executor, **SHORT)
    assert_same(run, w.sample(None, starts(), move=move, names=("x", "y"), **SHORT))


def test_a_fitted_mixture_travels():
    model = GaussianMixture.from_parameters(np.array([0.5, 0.5]), np.eye(2), np.array([np.eye(2)] * 2))
    with Engines() as executor:
        run = w.sample(model, starts(), move=w.NormalStep(1.0), executor=executor, **SHORT)
    assert_same(run, w.sample(model, starts(), move=w.NormalStep(1.0), **SHORT))


def conditional(point, rng):
    return rng.standard_normal() + 0.1 * point[0]


# ---------------------------------------------------------------- what travels


@pytest.mark.parametrize(("density", "move"), [("built in", w.NormalStep(1.0)), ("Python", w.Stretch())])
@pytest.mark.parametrize("n", [1, 3])
def test_the_density_is_sent_to_each_worker_once(density, move, n, monkeypatch):
    monkeypatch.setattr(_scattered, "_FIRST", 1)
    monkeypatch.setattr(_scattered, "_GROWTH", 1)
    with Engines(n) as executor:
        sample(density, move=move, executor=executor)
    assert len(executor.kinds) > 4 * n
    assert executor.recipes == 1 if n == 1 else 1 <= executor.recipes <= 2 * n  # chance decides who gets one


def test_a_worker_keeps_a_few_densities():
    with Engines(1) as executor:
        for scale in range(1, 9):
            sample(by_coordinates, move=w.NormalStep(float(scale)), where="python", executor=executor)
    assert len(executor._known[0]) == _worker._MOST
    assert not _worker._residents, "this process gives up what it is done with"


def test_what_does_not_pickle_is_said(processes):
    with pytest.raises(pickle.PicklingError, match="the density, its args or the move do not travel to a worker"):
        sample(lambda x, y: -x * x - y * y, move=w.NormalStep(1.0), where="python", executor=processes)


def test_a_density_that_is_called_otherwise_there_is_refused(monkeypatch):
    def elsewhere(*args, **how):
        return dataclasses.replace(understand(*args, **how), kind="by hand")

    monkeypatch.setattr(_worker, "understand", elsewhere)
    with Engines() as executor, pytest.raises(RuntimeError, match=r"called in another way \(by hand\) than here"):
        sample("Python", move=w.NormalStep(1.0), executor=executor)


# ---------------------------------------------------------------- failures


def fails(x, y):
    if x > 2.5:
        raise OSError("no such luck")
    return -(x * x + y * y) / 2


def is_nan(x, y):
    return float("nan") if x > 2.5 else -(x * x + y * y) / 2


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("move", [w.NormalStep(1.0), w.Stretch()])
def test_a_failure_names_its_range_and_carries_the_exception(move, workers, monkeypatch):
    monkeypatch.setattr(_scattered, "_FIRST", 4)
    how = {"move": move, "where": "python", "n_steps": 400, "call": "coordinates"}
    with Engines(workers) as executor, pytest.raises(OSError, match="no such luck") as caught:
        sample(fails, starts() / 4, executor=executor, **how)
    error = caught.value
    notes = "\n".join(error.__notes__)
    assert ("executor: walkers " if isinstance(move, w.NormalStep) else "executor: points ") in notes
    assert "map_reduce" not in notes
    points = [note.split("point ")[1] for note in error.__notes__ if "at the point " in note]
    assert float(points[0].strip("[]").split(",")[0]) > 2.5
    assert isinstance(error.partial, w.Run)
    assert error.partial.interrupted
    whole = sample(by_coordinates, starts() / 4, **how)
    assert error.partial.n_steps < whole.n_steps


def test_nan_names_the_walker_by_its_number():
    start = starts() / 4
    with Engines(3) as executor, pytest.raises(ValueError, match=r"gave NaN for walker \d+ at step \d+") as caught:
        sample(is_nan, start, move=w.NormalStep(9.0), where="python", call="coordinates", executor=executor)
    walker = int(str(caught.value).split("walker ")[1].split()[0])
    (note,) = [note for note in caught.value.__notes__ if note.startswith("executor: walkers ")]
    first, last = (int(word) for word in note.split() if word.isdigit())
    assert first <= walker <= last


@dataclasses.dataclass(frozen=True)
class Fails:
    """Work that fails from some number on."""

    number: int

    def done(self, resident):
        if self.number >= 2:
            raise OSError(f"work {self.number}")
        return self.number


@pytest.mark.parametrize("seed", range(6))
def test_the_work_that_is_named_does_not_depend_on_who_is_first(seed):
    """Of several that fail it is the first, also where a worker has the density for a later one already."""
    density, move = w.densities.Banana(), w.NormalStep(1.0)
    known = understand(density, starts())
    recipe = _worker.Recipe(density, starts(), 24, (), None, None, True, None, None, move, Names.of(None, 2), "")
    with Engines(1, seed) as executor:
        team = _team.Team(executor, recipe, known)
        with pytest.raises(OSError, match="work 2") as caught:
            team.ask([Fails(i) for i in range(6)], lambda i: f"the work {i}")
        assert caught.value.__notes__ == ["executor: the work 2"]
        assert team.ask([Fails(0), Fails(1)], str) == [0, 1]


def test_partial_runs_go_on():
    """What stages were done is kept, and leads to the same end."""
    with Engines() as executor, pytest.raises(OSError, match="no such luck") as caught:
        sample(Fuse(600), move=w.NormalStep(1.0), where="python", call="coordinates", executor=executor, rng=3)
    whole = sample(by_coordinates, move=w.NormalStep(1.0), where="python", call="coordinates", rng=3)
    run = caught.value.partial
    done = run._ensemble.step
    steps = SHORT["n_steps"] - run.n_steps
    assert done < SHORT["burn_in"] + SHORT["n_steps"]
    finished = run.extend(steps, density=by_coordinates, where="python", call="coordinates")
    np.testing.assert_array_equal(finished.draws, whole.draws)


class Fuse:
    """A density that fails after some calls, wherever they are made."""

    def __init__(self, calls):
        self.calls = calls

    def __call__(self, x, y):
        FUSE[0] += 1
        if FUSE[0] > self.calls:
            raise OSError("no such luck")
        return by_coordinates(x, y)


FUSE = [0]


def dies(x, y):
    if x > 2.5:
        os._exit(1)
    return by_coordinates(x, y)


def test_an_executor_that_breaks_down_leaves_what_was_done(monkeypatch):
    monkeypatch.setattr(_scattered, "_FIRST", 4)
    how = {"move": w.NormalStep(1.0), "where": "python", "call": "coordinates", "n_steps": 400, "burn_in": 0}
    start = starts() / 1000
    with (
        ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool,
        pytest.raises(BrokenExecutor) as caught,
    ):
        sample(dies, start, executor=pool, **how)
    assert not any("map_reduce" in note for note in getattr(caught.value, "__notes__", ()))
    run = caught.value.partial
    assert run.interrupted
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = sample(by_coordinates, start, **how)
    np.testing.assert_array_equal(run.draws, whole.draws[:, : run.n_draws])


@pytest.mark.parametrize("executor", [3, ThreadPoolExecutor, "threads"])
def test_what_is_no_executor_is_refused(executor):
    with pytest.raises(TypeError, match="executor must be None or have a submit method"):
        sample("built in", move=w.NormalStep(1.0), executor=executor)


def test_compiled_code_and_moves_that_look_at_others_stay_here():
    with Engines() as executor:
        with pytest.warns(UserWarning, match="the workers have nothing to do"):
            run = sample("compiled", move=w.Stretch(), executor=executor)
        assert executor.kinds == []
    assert_same(run, sample("compiled", move=w.Stretch()))


# ---------------------------------------------------------------- progress, Ctrl-C


def test_progress_moves(capsys):
    with Engines() as executor:
        sample("built in", move=w.NormalStep(1.0), progress=True, executor=executor)
    shown = capsys.readouterr().err
    assert "40.0/40.0" in shown
    assert "acceptance" in shown


def slow(x, y):
    time.sleep(0.002)
    return by_coordinates(x, y)


@pytest.mark.parametrize("move", [w.NormalStep(1.0), w.Stretch()])
@pytest.mark.usefixtures("ctrl_c")
def test_an_interrupt_ends_the_walk_and_keeps_what_is_done(move, monkeypatch):
    monkeypatch.setattr(_scattered, "_FIRST", 2)
    monkeypatch.setattr(_scattered, "_SECONDS", 0.2)
    timer = threading.Timer(1.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    how = {"move": move, "where": "python", "n_steps": 10**6, "thin": 1, "burn_in": 0, "rng": 5, "call": "coordinates"}
    with ThreadPoolExecutor(2) as pool, pytest.warns(RuntimeWarning, match="interrupted after"):
        run = sample(slow, executor=pool, **how)
    timer.cancel()
    assert run.interrupted
    assert run.n_steps > 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = sample(by_coordinates, **how | {"n_steps": run.n_steps})
    np.testing.assert_array_equal(run.draws, whole.draws)
