"""The lines of notebooks on parallel EM and on random walkers, run in IPython as they are written there.

Every line runs twice, with the cells of foldstat and with the literal ones of `literal_cells.py`, and both give
the same values. Walks are random: there the two agree if t-tests between independent walks cannot tell them apart.
"""

import textwrap

import numpy as np
import pytest
import scipy.stats

from notebook import notebook

# What Pool is used for in notebooks: forking a process that has threads, of which Python 3.12 warns.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")

CELLS = ("foldstat.cells", "literal_cells")
# Two-sided, for a single comparison; there are some hundred in this file.
CHANCE = 1e-8

SETUP = """
import math
from functools import partial
from multiprocessing import Pool

import matplotlib
matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy
import numpy as np
from joblib import Parallel, delayed
from numpy.random import rand

def func(x, y):
    return (math.exp(-((x - 0.3) ** 2 + (y - 0.3) ** 2) / 0.015)
            + 0.8 * math.exp(-((x - 0.6) ** 2 + (y - 0.7) ** 2) / 0.015)
            + 0.6 * math.exp(-((x - 0.7) ** 2 + (y - 0.35) ** 2) / 0.02))
"""


@pytest.fixture(scope="module")
def jupyter(tmp_path_factory):
    with notebook(tmp_path_factory.mktemp("ipython")) as shell:
        shell.run(SETUP)
        yield shell
        shell.run("plt.close('all')")


@pytest.fixture
def both(jupyter):
    """Run cells with each kind of cells; give the values of `names` under each."""

    def run(names, *cells):
        results = []
        for module in CELLS:
            jupyter.run(f"from {module} import *")
            for cell in cells:
                jupyter.run(textwrap.dedent(cell).strip())
            results.append([jupyter[name] for name in names.split()])
        return results

    return run


def same_values(results, tolerance=1e-9):
    for ours, literal in zip(*results, strict=True):
        ours, literal = np.asarray(ours), np.asarray(literal)
        assert ours.shape == literal.shape
        np.testing.assert_allclose(ours, literal, rtol=tolerance, atol=tolerance * np.abs(literal).max())


def measures(walk):
    """What is compared of one walk: acceptance, means, spreads, and the share of each hill."""
    steps = np.diff(walk, axis=0)
    hills = np.linalg.norm(walk[:, np.newaxis] - [[0.3, 0.3], [0.6, 0.7], [0.7, 0.35]], axis=2).argmin(axis=1)
    return np.array(
        [
            (steps != 0).any(axis=1).mean(),
            np.abs(steps).mean(),
            *walk.mean(axis=0),
            *walk.std(axis=0),
            *(np.bincount(hills, minlength=3)[:2] / len(hills)),
        ]
    )


def same_walks(ours, literal, n=10):
    """Both are as many independent walks of 1e5 steps, and agree in all their measures."""
    assert [np.shape(walk) for walk in (*ours, *literal)] == [(99_899, 2)] * (2 * n)
    assert 0.0999 < np.abs(np.diff(ours, axis=1)).max() < 0.1 + 1e-12
    tests = scipy.stats.ttest_ind(
        [measures(walk) for walk in ours], [measures(walk) for walk in literal], axis=0, equal_var=False
    )
    assert (tests.pvalue > CHANCE).all(), tests


def test_sums_over_pairs(both):
    sums = """
        X = np.random.default_rng(0).normal(size=(300, 2))
        total = pairwise_sum(X)
        parallel = pairwise_sum(X, 4)
        part = scalar_sum(X, X[0])
        x = X[:, 0]
        of_numbers = pairwise_sum(x)
        part_of_numbers = scalar_sum(x, x[0])
    """
    pools = """
        pool = Pool(2)
        pooled = sum(pool.map(partial(scalar_sum, X), X))
        pool.close()
        pool.join()
        threaded = sum(Parallel(n_jobs=2, backend="threading")(delayed(scalar_sum)(X, y) for y in X))
    """
    results = both("total parallel part of_numbers part_of_numbers pooled threaded", sums, pools)
    same_values(results)
    for total, parallel, _, _, _, pooled, threaded in results:
        np.testing.assert_allclose([parallel, pooled, threaded], total, rtol=1e-9)


def test_a_count_and_a_sum(both):
    results = both(
        "count total parts",
        """
        numbers = np.random.default_rng(0).exponential(size=20_000)
        count, total = summarize(numbers)
        parts = Parallel(n_jobs=2)(delayed(summarize)(part) for part in np.array_split(numbers, 4))
        parts = numpy.array(parts).sum(axis=0)
        """,
    )
    same_values(results)
    same_values(both("rows", "rows = numpy.hstack(summarize(numbers.reshape(-1, 4)))"))


MIXTURE = """
    rng = np.random.default_rng(7)
    X = np.concatenate([rng.normal(centre, 1.0, size=(500, 2)) for centre in (0, 5, 10, 15)])
    mu = np.array([[1.0, 2.0], [4.0, 7.0], [9.0, 8.0], [13.0, 16.0]])
    cov = np.array([10 * np.eye(2)] * 4)
"""


def test_expectation_maximization(both):
    steps = """
        inv_cov = numpy.linalg.inv(cov[0])
        log_det = numpy.linalg.slogdet(cov[0])[1]
        logs = log_probability(X, mu[0], inv_cov, log_det, 2)
        one_log = log_probability(X[3], mu[0], inv_cov, log_det, d=X.shape[1])
        first_r = expectation(X, mu, cov)
        first_mu, first_cov = maximization(X, first_r)
        about_mean = covariance(X, first_r[:, 1])
        about_point = covariance(X, first_r[:, 1], mu[1])
    """
    whole = """
        mu, cov, r = EM(X, mu, cov)
        labels = r.argmax(axis=1)
        again = maximization(X, r)[0]
    """
    names = "logs one_log first_r first_mu first_cov about_mean about_point mu cov r labels again"
    results = both(names, MIXTURE, steps, whole)
    same_values(results)
    ours = dict(zip(names.split(), results[0], strict=True))
    assert (np.bincount(ours["labels"]) > 400).all()
    np.testing.assert_allclose(ours["again"], ours["mu"], rtol=1e-12)


def test_expectation_maximization_in_pools(both):
    results = both(
        "pooled threaded starts",
        MIXTURE,
        """
        r = expectation(X, mu, cov)
        pool = Pool(2)
        pooled = pool.starmap(covariance, [(X, r[:, j]) for j in range(4)])
        pool.close()
        pool.join()
        parts = Parallel(n_jobs=2, backend="threading")(
            delayed(expectation)(part, mu, cov) for part in np.array_split(X, 2)
        )
        threaded = np.concatenate(parts)
        starts = [found[0] for found in Parallel(n_jobs=2)(delayed(EM)(X, mu + i, cov, 5) for i in range(3))]
        """,
    )
    same_values(results)


def test_one_walker(both):
    ours, literal = both(
        "walks",
        """
        points = random_walker(func, n_steps=1e5)
        walks = [points] + [random_walker(func, n_steps=1e5) for _ in range(9)]
        """,
    )
    same_walks(ours[0], literal[0])


def test_a_walk_is_timed(both, capsys):
    both(
        "func", "%time points = random_walker(func, n_steps=1e5)", "%timeit -n 1 -r 1 random_walker(func, n_steps=1e5)"
    )
    assert capsys.readouterr().out.count("Wall time") == 2


def test_the_picture(both):
    counts = """
        points = random_walker(func, 1e5, start=[0.5, 0.5])
        plt.figure()
        plot_points(points)
        fine = plt.gca().images[-1].get_array()
        plt.figure()
        plot_points(points, 20.)
        coarse = plt.gca().images[-1].get_array()
        extent = plt.gca().images[-1].get_extent()
    """
    both("fine", counts)
    same_points = [line for line in counts.splitlines() if "random_walker" not in line]
    same_values(both("fine coarse extent", "\n".join(same_points)), tolerance=0)


def test_ten_starts_joined(both):
    ours, literal = both(
        "points walks",
        """
        starts = rand(10, 2)
        walks = [random_walker(func, 1e5, start=start) for start in starts]
        points = numpy.concatenate(walks)
        plot_points(points)
        """,
    )
    assert ours[0].shape == literal[0].shape == (998_990, 2)
    same_walks(ours[1], literal[1])


def test_walkers_in_pools_walk_as_they_do_here(jupyter):
    jupyter.run(
        textwrap.dedent("""
        from foldstat.cells import *
        walk = partial(random_walker, func, 1e4, rng=0)
        starts = rand(4, 2)
        here = [walk(start) for start in starts]
        pool = Pool(2)
        elsewhere = [
            pool.map(walk, starts),
            Parallel(n_jobs=2, backend="threading")(delayed(walk)(start) for start in starts),
            Parallel(n_jobs=2)(delayed(walk)(start) for start in starts),
        ]
        pool.close()
        pool.join()
        """)
    )
    for walks in jupyter["elsewhere"]:
        np.testing.assert_array_equal(walks, jupyter["here"])


def test_many_walkers(both):
    ours, literal = both("walks", "walks = random_walkers(func, 10)\nplot_points(walks)")
    same_walks(ours[0], literal[0])


CYTHON = """
%%cython
from libc.math cimport exp
def cfunc(double x, double y):
    return (exp(-((x - 0.3) ** 2 + (y - 0.3) ** 2) / 0.015)
            + 0.8 * exp(-((x - 0.6) ** 2 + (y - 0.7) ** 2) / 0.015)
            + 0.6 * exp(-((x - 0.7) ** 2 + (y - 0.35) ** 2) / 0.02))
"""


def test_the_density_in_cython(both):
    ours, literal = both(
        "same walks",
        "%load_ext cython",
        CYTHON,
        """
        same = cfunc(0.2, 0.7) - func(0.2, 0.7)
        walks = [random_walker(cfunc, 1e5, start=start) for start in rand(10, 2)]
        """,
    )
    assert abs(ours[0]) < 1e-15
    same_walks(ours[1], literal[1])


def test_many_walkers_over_a_density_in_cython(jupyter, both):
    jupyter.run("%load_ext cython")
    ours, literal = both("walks", CYTHON, "walks = random_walkers(cfunc, 10)")
    same_walks(ours[0], literal[0])


@pytest.fixture(scope="module")
def engines(jupyter):
    """Two engines of ipyparallel, for the cells that start with %%px."""
    jupyter.run(
        "import logging, ipyparallel\n"
        "cluster = ipyparallel.Cluster(n=2, log_level=logging.ERROR)\n"
        "cluster.start_cluster_sync()\n"
        "rc = cluster.connect_client_sync()\n"
        "rc.wait_for_engines(2, timeout=120, interactive=False)\n"
        "dview = rc[:]\n"
        "dview.activate()\n"
        "dview.block = True"
    )
    yield
    jupyter.run("rc.close()\ncluster.stop_cluster_sync()")


def on_engines(module):
    return f"%%px\nfrom {module} import *\nimport math, numpy\nfrom numpy.random import rand"


WALKS_ON_ENGINES = (
    "dview.scatter('starts', list(rand(10, 2)))",
    """
    %%px
    walks = [random_walker(func, 1e5, start=start) for start in starts]
    """,
    "walks = dview.gather('walks')",
)


@pytest.mark.usefixtures("engines")
def test_walkers_on_engines(jupyter):
    results = []
    for module in CELLS:
        jupyter.run(on_engines(module))
        jupyter.run("%%px" + SETUP[SETUP.index("\ndef func") :])
        for cell in WALKS_ON_ENGINES:
            jupyter.run(textwrap.dedent(cell).strip())
        results.append(jupyter["walks"])
    same_walks(*results)
    # The cell and its function travel, too.
    jupyter.run("from foldstat.cells import *\nwalks = dview.map_sync(partial(random_walker, func), [1e5] * 10)")
    same_walks(jupyter["walks"], results[1])


@pytest.mark.usefixtures("engines")
def test_a_density_in_cython_on_engines(jupyter):
    jupyter.run("%load_ext cython")
    jupyter.run(CYTHON.strip())  # compiled here, it is ready for all engines
    jupyter.run("%px %load_ext cython")
    jupyter.run("%%px\n" + CYTHON.strip())
    jupyter.run("%px func = cfunc")
    results = []
    for module in CELLS:
        jupyter.run(on_engines(module))
        for cell in WALKS_ON_ENGINES:
            jupyter.run(textwrap.dedent(cell).strip())
        results.append(jupyter["walks"])
    same_walks(*results)


@pytest.mark.usefixtures("engines")
def test_expectation_maximization_on_engines(jupyter, both):
    found = []
    for module in CELLS:
        jupyter.run(textwrap.dedent(MIXTURE).strip())
        jupyter.run(on_engines(module))
        jupyter.run("dview.push(dict(mu=mu, cov=cov))\ndview.scatter('X', X)")
        jupyter.run("%%px\nr = expectation(X, mu, cov)\ncount = summarize(X[:, 0])")
        jupyter.run("r = dview.gather('r')\ncounts = dview['count']")
        found.append([jupyter["r"], jupyter["counts"]])
    same_values(found)
    same_values(both("parts", "parts = dview.map_sync(partial(scalar_sum, X), X[:20])"))


@pytest.fixture(scope="module")
def dask(jupyter):
    """An executor over a cluster of two processes."""
    jupyter.run(
        "from dask.distributed import Client, LocalCluster\n"
        "dask_cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=':0')\n"
        "dask_client = Client(dask_cluster)\n"
        "executor = dask_client.get_executor()"
    )
    yield
    jupyter.run("executor.shutdown()\ndask_client.close()\ndask_cluster.close()")


@pytest.mark.usefixtures("dask")
def test_walkers_on_dask(both):
    ours, literal = both(
        "walks",
        """
        starts = rand(10, 2)
        walks = list(executor.map(random_walker, [func] * 10, [1e5] * 10, starts))
        """,
    )
    same_walks(ours[0], literal[0])


@pytest.mark.usefixtures("dask")
def test_expectation_maximization_on_dask(both):
    results = both(
        "parts counts found",
        MIXTURE,
        """
        parts = list(executor.map(expectation, np.array_split(X, 4), [mu] * 4, [cov] * 4))
        parts = np.concatenate(parts)
        counts = list(executor.map(summarize, np.array_split(X[:, 0], 4)))
        found = executor.submit(EM, X, mu, cov).result()[0]
        """,
    )
    same_values(results)
