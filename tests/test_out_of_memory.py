"""Out of memory is a MemoryError that names the size, and leaves objects as they were.

Every case runs in a process of its own: what fails there must not end it by a signal.
"""

import os
import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of the address space are Linux's")

PRELUDE = """
import operator
import resource
import warnings
import numpy as np
from foldstat import GroupedSummary, Summary, _core, diagnostics, split, summarize, walkers
from foldstat.mixture import GaussianMixture

warnings.simplefilter("ignore")  # one iteration does not converge

def limit(mebibytes):
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + int(mebibytes * 2**20),) * 2)

def refused(call, *words):
    try:
        call()
    except MemoryError as error:
        assert all(word in str(error) for word in words), error
    else:
        raise SystemExit("nothing was refused")

def endless(rows, columns):
    row = np.linspace(0.0, 1.0, columns)
    return np.broadcast_to(row, (rows, columns))
"""


# Memory that is given back is the system's again at once, and none is set aside for each thread.
GIVEN_BACK = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536", "MALLOC_ARENA_MAX": "1"}


def run(code):
    """What a process of its own says at the end; a signal or a traceback fails the test."""
    program = PRELUDE + textwrap.dedent(code) + "\nprint('survived')\n"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "FOLDSTAT_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "1", **GIVEN_BACK},
    )
    assert (done.returncode, done.stdout) == (0, "survived\n"), done.stderr[-3000:]


def test_an_output_that_does_not_fit_names_its_size():
    run("""
    rng = np.random.default_rng(0)
    model = GaussianMixture(500, covariance_type="spherical", init_params="random_from_data",
                            max_iter=1, random_state=0)
    model.fit(rng.normal(size=(2000, 1)))
    limit(4096)
    X = np.broadcast_to(np.zeros(1), (40_000_000, 1))
    refused(lambda: model.predict_proba(X), "149. GiB", "(40000000, 500)")
    """)


@pytest.mark.parametrize("family", ["full", "tied", "diag", "spherical"])
def test_a_fit_that_does_not_fit_leaves_the_model_as_it_was(family):
    # Matrices of 2000 × 2000 numbers, 32 MiB each, or as many components.
    columns, components = (2000, 3) if family in ("full", "tied") else (100, 3000)
    run(f"""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2 * {components} + 10, {columns}))
    model = GaussianMixture(1, covariance_type={family!r}, init_params="random_from_data")
    model.fit(X[:20])
    model.set_params(n_components={components})
    before = dict(vars(model))
    limit({24 if columns > 1000 else 12})
    refused(lambda: model.fit(X))
    for name, value in vars(model).items():
        old = before.pop(name)
        assert value is old or value == old, name
    assert not before, before
    """)


@pytest.mark.parametrize("family", ["full", "tied", "diag", "spherical"])
def test_a_fit_at_any_limit_is_right_or_refused(family):
    for mebibytes in (1, 4, 8, 16, 24, 40, 80):
        run(f"""
        rng = np.random.default_rng(0)
        X = rng.normal(size=(3000, 60))
        make = lambda: GaussianMixture(40, covariance_type={family!r}, random_state=0, max_iter=2,
                                       init_params="random_from_data", tol=0.0)
        wanted = make().fit(X)
        limit({mebibytes})
        try:
            found = make().fit(X)
        except MemoryError:
            pass
        else:
            assert np.array_equal(found.means_, wanted.means_)
        """)


def test_statistics_that_do_not_fit():
    run("""
    limit(40)
    resp = np.full((64, 4), 0.25)
    refused(lambda: _core.statistics_from_responsibilities(endless(64, 3000), resp, "full"),
            "out of memory", "iB for")
    """)


def test_diagnostics_that_do_not_fit():
    run("""
    x = np.broadcast_to(np.zeros(1), (4, 50_000_000, 1))
    limit(300)
    for name in ("r_hat", "ess_bulk", "mcse_mean", "mcse_sd"):
        refused(lambda: getattr(_core, f"diagnostics_{name}")(x), "out of memory", "GiB for")
    refused(lambda: _core.diagnostics_autocorrelation_time(x, 5.0), "out of memory", "GiB for")
    refused(lambda: _core.diagnostics_summary(x, [0.5]), "out of memory", "GiB for")
    """)


def test_pairs_that_do_not_fit():
    run("""
    x = np.broadcast_to(np.zeros(1), (200_000_000, 1))
    limit(300)
    refused(lambda: _core.pairwise_sum(x, None, "distance", 1.0), "out of memory", "GiB for")
    """)


def test_groups_that_do_not_fit():
    run("""
    keys = np.arange(3_000_000) * 1_000_003
    values = np.zeros(3_000_000)
    limit(60)
    state = _core.SummaryState()
    refused(lambda: _core.summarize_groups([values], keys, state))
    assert state.count == 0
    """)


def test_joint_sums_that_do_not_fit():
    run("""
    limit(100)
    refused(lambda: _core.JointState(2048), "out of memory", "iB for")
    state = _core.JointState(400)
    refused(lambda: state.update_matrix(np.ones((10, 400))), "out of memory", "iB for")
    assert state.count == 0
    """)


def test_moments_of_walkers_that_do_not_fit():
    run("""
    limit(100)
    refused(lambda: _core.WalkerMoments(2_000_000, 40, []), "out of memory", "MiB for")
    refused(lambda: _core.WalkerMoments(2**40, 2**40, []), "out of memory")
    """)


def test_best_values_and_histograms_that_do_not_fit():
    run("""
    x = np.random.default_rng(0).normal(size=400_000)
    best = Summary(x, best=300_000)
    counts = Summary(x, histogram=np.linspace(-4.0, 4.0, 2_000_001))
    before = [best.count, best.mean, best.max, counts.count, counts.mean, counts.max]
    limit(6)
    refused(lambda: Summary(x, best=300_000), "MiB for the best values")
    refused(lambda: best.update(x), "MiB for the best values")
    refused(lambda: best.best, "13.73 MiB for the best values")
    refused(best.copy, "13.73 MiB for the best values")
    refused(lambda: best + best, "13.73 MiB for the best values")
    refused(lambda: operator.iadd(best, counts + best), "MiB for")
    refused(best.to_bytes, "MiB for")
    refused(lambda: counts + counts, "15.26 MiB for a histogram")
    refused(lambda: counts.push(0.5), "15.26 MiB for a histogram")
    refused(lambda: counts.update(x), "15.26 MiB for a histogram")
    assert [best.count, best.mean, best.max, counts.count, counts.mean, counts.max] == before
    """)


def test_copies_of_walkers_that_do_not_fit():
    run("""
    start = np.random.default_rng(0).normal(size=(20_000, 60))
    run = walkers.sample(lambda x: -(x**2).sum(axis=1), start, 3, 1, call="points", move=walkers.Stretch(),
                         keep="moments", rng=0)
    limit(6)
    refused(lambda: [run._ensemble.copy() for _ in range(600)], "9.16 MiB for the state of the walkers")
    """)


def test_objects_of_python_that_do_not_fit_are_named():
    run("""
    rows, keys = np.zeros((60_000, 2)), np.arange(20_000)
    groups = summarize(rows[:20_000, 0].copy(), by=keys)
    data = groups.to_bytes()
    limit(2)
    refused(lambda: split(0, 10**8), "a list of 100000000 keys")
    refused(lambda: groups + groups, "nable to allocate ", "iB")
    refused(groups.to_bytes, "out of memory")
    refused(lambda: GroupedSummary.from_bytes(data), "out of memory")
    refused(lambda: summarize(rows, axis=1), "MiB for the summaries of the lines")
    """)
