"""The same bits for any number of threads, on any instruction set."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

import kernel_functions
from foldstat import GaussianMixture, _core
from foldstat.mixture import expectation, log_prob, statistics
from instruction_sets import at_level, levels_here
from mixtures import FAMILIES, INITS, random_mixture

THREADS = (1, 2, 3, 7)
ATTRIBUTES = ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_")
DTYPES = (np.float64, np.float32)
# Rows enough for several blocks and an incomplete last one.
N = 20_011


def fingerprint(arrays):
    digest = hashlib.sha256()
    for array in arrays:
        array = np.ascontiguousarray(array)
        digest.update(f"{array.dtype}{array.shape}".encode() + array.tobytes())
    return digest.hexdigest()


def fitted(n_jobs, family, init, dtype, d=3, weighted=False):
    m = random_mixture(family, n=N, d=d, k=4, spread=2)
    X = m.X.astype(dtype)
    w = np.random.default_rng(0).uniform(0, 2, N) if weighted else None
    model = GaussianMixture(
        4,
        covariance_type=family,
        init_params=init,
        n_init=2,
        max_iter=6,
        random_state=0,
        n_jobs=n_jobs,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, sample_weight=w)
    return X, model


def everything(n_jobs, family, init, dtype, d=3, weighted=False):
    X, model = fitted(n_jobs, family, init, dtype, d, weighted)
    arrays = [getattr(model, name) for name in ATTRIBUTES]
    arrays += [np.array(model.lower_bounds_)]
    arrays += [model.score_samples(X), model.predict_proba(X), model.predict(X)]
    return fingerprint(arrays)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("init", INITS)
@pytest.mark.parametrize("family", FAMILIES)
def test_fits_do_not_depend_on_the_number_of_threads(family, init, dtype):
    assert len({everything(n, family, init, dtype) for n in THREADS}) == 1


@pytest.mark.parametrize("family", FAMILIES)
def test_wide_and_weighted_fits_neither(family):
    runs = {everything(n, family, "kmeans", np.float64, d=40, weighted=True) for n in THREADS}
    assert len(runs) == 1


@pytest.mark.parametrize("family", FAMILIES)
def test_functions_neither(family):
    m = random_mixture(family, n=N, d=3, k=4)
    parameters = m.weights, m.means, m.covariances
    runs = set()
    for n_jobs in THREADS:
        options = {"covariance_type": family, "n_jobs": n_jobs}
        arrays = [*expectation(m.X, *parameters, **options)]
        arrays += [log_prob(m.X, *parameters[1:], **options)]
        arrays += [np.frombuffer(statistics(m.X, *parameters, **options).to_bytes(), np.uint8)]
        runs.add(fingerprint(arrays))
    assert len(runs) == 1


@pytest.mark.parametrize("kernel", ["product", "rbf", "laplacian", "distance"])
def test_sums_neither(kernel):
    x = np.random.default_rng(0).normal(size=(3001, 2))
    sums = {_core.pairwise_sum(x, None, kernel, 0.5, n) for n in THREADS}
    assert len(sums) == 1
    assert len({_core.count_and_sum(x, n) for n in THREADS}) == 1


def test_repeated_fits_are_the_same():
    runs = {everything(None, "full", "kmeans", np.float64) for _ in range(3)}
    assert len(runs) == 1


def test_seeds_matter():
    """The fingerprint does see a difference where there is one."""
    models = [GaussianMixture(4, init_params="random", max_iter=1, random_state=s) for s in (0, 1)]
    X = random_mixture("full", n=500, k=4).X
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        runs = {fingerprint([model.fit(X).means_]) for model in models}
    assert len(runs) == 2


PROGRAM = """
import json, sys
sys.path.insert(0, {here!r})
import numpy as np
from test_determinism import DTYPES, FAMILIES, everything, kernels
from foldstat import _core
prints = [everything(2, family, "kmeans", dtype) for family in FAMILIES for dtype in DTYPES]
prints += [everything(1, family, "random", np.float64, d=40, weighted=True) for family in FAMILIES]
prints += kernels()
print(json.dumps([_core.system()["simd"], prints]))
"""


def kernels():
    """Fingerprints of kernels over shapes that end in the middle of lanes."""
    prints = []
    for family in FAMILIES:
        for n, d, k in ((1, 1, 1), (9, 5, 3), (131, 33, 2), (1000, 2, 5)):
            m = random_mixture(family, n, d, k)
            for X in (m.X, m.X.astype(np.float32)):
                s = kernel_functions.statistics(X, *m.parameters)
                prints.append(fingerprint([*kernel_functions.expectation(X, *m.parameters), s.scatter]))
    return prints


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
