"""The one way in for arrays: what others do to them meanwhile, and how they lie in memory."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from foldstat import _core, describe, summarize
from foldstat import walkers as w
from mixtures import unaligned
from programs import outcome
from small_walks import sample

CHANGED = """
import json, threading, time
import numpy as np
from foldstat import _core
x = np.random.default_rng(0).random(size=SHAPE)
model = lambda d: (np.full(32, 1 / 32), np.zeros((32, d)), np.ones((32, d)), "diag")
def work(x):
    return np.asarray(WORK).tolist()
expected = work(x.copy())
begin = time.perf_counter()
work(x.copy())
usual = time.perf_counter() - begin
def change(x, begun, delay):
    begun.wait()
    time.sleep(delay)
    x.dtype = "i4"  # another dtype, shape and strides, in place
    x.shape = -1
for attempt in range(20):
    y, begun = x.copy(), threading.Event()
    thread = threading.Thread(target=change, args=(y, begun, (attempt + 1) * usual / 8))
    thread.start()
    begun.set()
    try:
        found = work(y)
    except TypeError:
        found = None  # on a busy machine the change may come first: once more, with a longer delay
    thread.join()
    if found is not None:
        break
print(json.dumps([found == expected, str(y.dtype)]))
"""


@pytest.mark.parametrize(
    ("shape", "work"),
    [
        ((1_000_000, 4), "_core.Mixture(*model(4)).score_samples(x, 1)[::1000]"),
        ((1_000_000,), "_core.Mixture(*model(1)).statistics(np.ones((len(x), 1)), x, 1).log_likelihood"),
        ((4, 300_000, 4), "_core.diagnostics_r_hat(x, n_jobs=1)"),
        ((8_000, 8), "_core.pairwise_sum(x, None, 'rbf', 0.5, n_jobs=1)"),
    ],
)
def test_an_array_changed_in_place_by_another_thread_is_read_as_it_was(shape, work):
    same, dtype = outcome(CHANGED.replace("SHAPE", str(shape)).replace("WORK", work))
    assert same
    assert dtype == "int32"


def odd(array):
    """The same numbers in an array whose strides are no whole number of elements."""
    record = np.dtype({"names": ["x"], "formats": [array.dtype], "itemsize": array.dtype.itemsize + 4})
    view = np.zeros(array.shape, dtype=record)["x"]
    view[...] = array
    return view


LAYOUTS = [unaligned, odd, np.asfortranarray, lambda x: np.repeat(x, 2, axis=0)[::2], lambda x: x[::-1].copy()[::-1]]


MOVES = [(1.0, _core.WalkerMove.uniform_step(np.ones(2)))]


@pytest.mark.parametrize("layout", LAYOUTS, ids=["unaligned", "odd strides", "fortran", "strided", "reversed"])
def test_states_are_read_however_they_lie(layout):
    run = sample(keep="moments", bounds=[(-9.0, 9.0), None], histograms={"x": 8, (1, 0): (4, 4)})
    ensemble, moments = run._ensemble, run._kept.moments

    def relaid(value):
        if isinstance(value, list):
            return [relaid(one) for one in value]
        return layout(value) if isinstance(value, np.ndarray) else value

    state = {name: value if name == "axes" else relaid(value) for name, value in moments.state().items()}
    again = _core.WalkerMoments.from_state(state)
    assert_same(again.state(), moments.state())
    state = {name: relaid(value) for name, value in ensemble.state().items()}
    again = _core.WalkerEnsemble.from_state(state, MOVES)
    assert_same(again.state(), ensemble.state())


def assert_same(left, right):
    assert left.keys() == right.keys()
    for name, value in left.items():
        np.testing.assert_equal(value, right[name], err_msg=name)


@pytest.mark.parametrize("state", ["proposal", "acceptance"])
def test_words_of_another_type_are_refused_by_name(state):
    ensemble = sample()._ensemble.state()
    ensemble[state] = ensemble[state].astype(np.int64)
    with pytest.raises(TypeError, match=f"{state} must be of dtype uint64.*found dtype\\('int64'\\)"):
        _core.WalkerEnsemble.from_state(ensemble, MOVES)


def test_points_in_the_memory_of_the_output_are_refused():
    memory = np.zeros(30)
    density = core_of(w.densities.ThreeGaussians())
    points = memory[:20].reshape(10, 2)
    with pytest.raises(ValueError, match="points is being written to"):
        density.evaluate(points, memory[10:20])
    density.evaluate(points, memory[20:])


def core_of(density):
    from foldstat.walkers.density import understand

    return understand(density, np.zeros((4, 2)), log=True, args=(), call=None, where=None).compiled


def test_two_walks_do_not_write_to_the_same_array():
    ensemble = sample(lambda x, y: time.sleep(1e-3) or -x * x, call="coordinates", n_steps=1)._ensemble
    density = core_of(w.densities.ThreeGaussians())
    draws = np.zeros((ensemble.n_walkers, 5_000, 2))
    first, second = ensemble.copy(), ensemble.copy()
    walk = threading.Thread(target=first.advance, args=(density, 4_000_000), kwargs={"draws": draws, "thin": 1000})
    walk.start()
    time.sleep(0.02)
    with pytest.raises(ValueError, match="draws cannot be written to"):
        second.copy().advance(density, 1, draws=draws)
    assert walk.is_alive()
    walk.join()
    second.advance(density, 1, draws=draws)


BYTES = np.array([0, 1, 2, 255, 128, 0, 3], dtype=np.uint8)


@pytest.mark.parametrize("layout", [lambda x: x, lambda x: np.repeat(x, 3)[::3], lambda x: x[::-1].copy()[::-1]])
def test_any_byte_but_zero_is_true(layout):
    truths, plain = layout(BYTES).view(bool), BYTES != 0
    assert truths.view(np.uint8).max() == 255
    assert summarize(truths).sum == truths.sum() == 5
    assert summarize(truths) == summarize(plain)
    assert summarize(truths, by=truths) == summarize(plain, by=plain)
    assert summarize(np.arange(7.0), by=truths) == summarize(np.arange(7.0), by=plain)
    both = summarize(np.stack([truths, truths], axis=1), axis=0)
    assert [one.sum for one in both] == [5, 5]
    assert summarize(np.arange(7.0), sample_weight=truths) == summarize(np.arange(7.0), sample_weight=plain)
    assert str(describe({"x": truths})) == str(describe({"x": plain}))
