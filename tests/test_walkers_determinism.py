"""The same bits for any number of threads, on any instruction set, in one run or in several."""

from __future__ import annotations

import ctypes
import functools
import hashlib
from pathlib import Path

import numpy as np
import pytest

from foldstat import GaussianMixture, _core
from foldstat import walkers as w
from instruction_sets import at_level, levels_here

THREADS = (1, 2, 3, 7)
N_WALKERS = 45  # an incomplete octet, and an incomplete block of several of them

MOVES = {
    "uniform": w.UniformStep([1.0, 2.0]),
    "normal": w.NormalStep([[1.0, 0.3], [0.3, 1.0]]),
    "adaptive": w.AdaptiveStep(),
    "pooled": w.PooledStep(),
    "componentwise": w.ComponentwiseStep([1.0, 2.0]),
    "stretch": w.Stretch(),
    "differential evolution": w.DifferentialEvolution(),
    "snooker": w.Snooker(),
    "slice": w.Slice(),
    "independent": w.IndependentStep(0.5, [[2.0, 0.5], [0.5, 1.5]]),
    "blocks": w.Gibbs({0: w.Slice(), 1: w.UniformStep(1.0)}),
    "drawn": w.Gibbs({0: lambda point, rng: rng.normal(0.5 * point[1], 1.0), 1: w.NormalStep(1.0)}),
    "mix of those that look at nobody": w.Mix(
        [(1, w.UniformStep(1.0)), (1, w.Slice()), (1, w.IndependentStep(0.5, 2.0))]
    ),
    "mix of random walks": w.Mix([(1, w.UniformStep(1.0)), (2, w.AdaptiveStep()), (1, w.ComponentwiseStep(2.0))]),
    "mix": w.Mix([(2, w.Stretch()), (1, w.AdaptiveStep()), (1, w.Snooker()), (1, w.ComponentwiseStep(1.0))]),
}


def in_python(x, y):
    return -0.5 * (x * x + 2.0 * (y - 0.5 * x) ** 2)


def of_point(point):
    return in_python(*point)


def vectorised(points):
    return in_python(points[:, 0], points[:, 1])


@functools.cache
def native():
    """A function that numba compiles."""
    numba = pytest.importorskip("numba")

    @numba.cfunc("float64(int32, CPointer(float64))")
    def log_density(n, x):
        return -0.5 * (x[0] * x[0] + 2.0 * (x[1] - 0.5 * x[0]) ** 2)

    return log_density


@functools.cache
def pointer():
    """The same machine code, by its address."""
    signature = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_int, ctypes.POINTER(ctypes.c_double))
    address = native().address
    return signature(address)


def mixture():
    means = np.array([[0.0, 0.0], [2.0, 1.0]])
    covariances = np.array([[[1.0, 0.6], [0.6, 1.0]], [[0.5, -0.3], [-0.3, 0.8]]])
    return GaussianMixture.from_parameters(np.array([0.4, 0.6]), means, covariances)


# A density, and how it is called.
DENSITIES = {
    "three Gaussians": (w.densities.ThreeGaussians, {}),
    "ring": (w.densities.Ring, {}),
    "banana": (w.densities.Banana, {}),
    "mixture": (mixture, {}),
    "numba": (native, {}),
    "ctypes": (pointer, {}),
    "vectorised": (lambda: vectorised, {"call": "points"}),
    "Python": (lambda: in_python, {"where": "python"}),
}
BUILT_IN = ("three Gaussians", "ring", "banana", "mixture")


def start():
    return np.random.default_rng(0).normal(loc=[1.0, 0.5], size=(N_WALKERS, 2))


def sample(density, move, n_steps=70, burn_in=30, **options):
    make, how = DENSITIES[density]
    return w.sample(make(), start(), n_steps, long_enough(burn_in, move), move=MOVES[move], rng=11, **how, **options)


def long_enough(burn_in, move):
    """A burn-in in which walkers learn from each other, where they do."""
    return burn_in + 100 if move == "pooled" else burn_in


def fingerprint(run):
    digest = hashlib.sha256()
    for array in (run.draws, run.log_density, run.acceptance_rate, run.positions):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("density", DENSITIES)
def test_draws_do_not_depend_on_the_number_of_threads(density, move):
    assert len({fingerprint(sample(density, move, n_jobs=n)) for n in THREADS}) == 1


@pytest.mark.parametrize("move", MOVES)
def test_nor_do_they_for_many_walkers(move):
    start = np.random.default_rng(0).normal(size=(1001, 2))
    prints = set()
    for n_jobs in THREADS:
        run = w.sample(w.densities.ThreeGaussians(), start, 40, 20, move=MOVES[move], rng=11, n_jobs=n_jobs)
        prints.add(fingerprint(run))
    assert len(prints) == 1


@pytest.mark.parametrize("move", MOVES)
def test_they_do_not_depend_on_how_a_function_is_called(move):
    """The same arithmetic by different ways gives the same bits."""
    runs = [sample(density, move) for density in ("numba", "ctypes")]
    np.testing.assert_array_equal(runs[0].draws, runs[1].draws)
    others = [sample(density, move) for density in ("vectorised", "Python")]
    np.testing.assert_array_equal(others[0].draws, others[1].draws)
    burn_in = long_enough(30, move)
    forced = w.sample(of_point, start(), 70, burn_in, move=MOVES[move], rng=11, call="point", where="python")
    np.testing.assert_array_equal(forced.draws, others[1].draws)


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("density", DENSITIES)
def test_a_run_may_be_extended(density, move):
    whole = sample(density, move, thin=3, n_steps=100)
    first = sample(density, move, thin=3, n_steps=37)
    before = fingerprint(first)
    second = first.extend(1, n_jobs=3)
    third = second.extend(62)
    assert fingerprint(third) == fingerprint(whole)
    # The shorter runs are still there, and go on as well.
    assert fingerprint(first) == before
    assert fingerprint(first.extend(63)) == fingerprint(whole)


@pytest.mark.parametrize("move", MOVES)
def test_moments_do_not_depend_on_threads_nor_portions(move):
    def kept(n_jobs, *portions):
        first, *rest = portions
        run = sample("numba", move, n_steps=first, keep="moments", n_jobs=n_jobs, histograms={0: np.linspace(-3, 3, 9)})
        for more in rest:
            run = run.extend(more)
        moments = run.moments
        return [*moments.means.ravel(), *moments.covariances.ravel(), *moments.histograms[(0,)].counts]

    expected = kept(1, 100)
    for n_jobs in THREADS:
        assert kept(n_jobs, 100) == expected
        assert kept(n_jobs, 41, 1, 58) == expected
    run = sample("numba", move, n_steps=100)
    np.testing.assert_allclose(expected[: N_WALKERS * 2], run.draws.mean(axis=1).ravel(), rtol=1e-11, atol=1e-12)


def test_moves_and_densities_matter():
    """The fingerprint does see a difference where there is one."""
    runs = {fingerprint(sample("numba", move)) for move in MOVES}
    assert len(runs) == len(MOVES)
    runs = {fingerprint(sample(density, "uniform")) for density in BUILT_IN}
    assert len(runs) == len(BUILT_IN)


PROGRAM = """
import json, sys
sys.path.insert(0, {here!r})
from test_walkers_determinism import everything
from foldstat import _core
print(json.dumps([_core.system()["simd"], everything()]))
"""


def everything():
    return [fingerprint(sample(density, move, n_jobs=2)) for density in (*BUILT_IN, "vectorised") for move in MOVES] + [
        fingerprint(one) for one in wide_runs()
    ]


def wide_runs():
    """Runs in several dimensions over what the plane has none of."""
    for density in (w.densities.Funnel(5), w.densities.EightSchools(), w.densities.Banana(n_dims=3)):
        begin = 0.3 * np.random.default_rng(1).normal(size=(61, density.n_dims))
        for move in (w.AdaptiveStep(), w.UniformStep(0.3), w.Stretch(), w.ComponentwiseStep(1.0)):
            yield w.sample(density, begin, 30, 20, move=move, rng=2, n_jobs=2)


def test_instruction_sets_do_not_matter():
    best = _core.system()["simd"]
    levels = levels_here()
    program = PROGRAM.format(here=str(Path(__file__).parent))
    results = {}
    for level in levels:
        used, prints = at_level(program, level)
        assert used == level
        results[level] = prints
    assert len(results) >= 2 or best == "scalar"
    reference = results[levels[0]]
    for level, prints in results.items():
        assert prints == reference, f"{level} differs from {levels[0]}"


def test_built_in_log_densities_are_those_of_the_draws():
    for density in ("three Gaussians", "ring", "banana"):
        run = sample(density, "uniform", thin=2)
        np.testing.assert_array_equal(run.log_density, DENSITIES[density][0]()(run.draws))
    for density in ("numba", "vectorised", "Python"):
        run = sample(density, "componentwise", thin=2)
        np.testing.assert_allclose(run.log_density, in_python(run.draws[..., 0], run.draws[..., 1]), rtol=1e-12)
