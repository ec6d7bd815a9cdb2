"""What a compiled density refers to: frozen as it is, seen when it changes, and named where numba does not know it."""

from __future__ import annotations

import functools
import re
import types

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats
from scipy.special import gammaln

from foldstat import walkers as w
from foldstat.walkers.density import _powers, understand

pytest.importorskip("numba")

STARTS = np.abs(np.random.default_rng(0).normal(2.0, 0.1, size=(16, 2)))
LINE = STARTS[:, :1].copy()
D = np.arange(1.0, 8.0)


def values(understood, points=STARTS):
    out = np.empty(len(points))
    understood.compiled.evaluate(np.ascontiguousarray(points), out, 1)
    return out


def check(density, **options):
    """The density is compiled, and gives what Python gives."""
    understood = understand(density, STARTS, **options)
    assert understood.kind.startswith("compiled by numba"), understood.kind
    in_python = understand(density, STARTS, where="python", **options)
    np.testing.assert_allclose(values(understood), values(in_python), rtol=1e-12)
    return values(understood)


# --- changes are seen, and nothing changes under way ------------------------------------------------


class Model:
    def __init__(self):
        self.scale = 1.0
        self.table = {"a": np.ones(3)}

    def log_prob(self, x, y):
        return -self.scale * (x * x + y * y) * self.table["a"].sum()


def changes():
    """Densities, each with a change of what it refers to."""
    model, config, numbers, series = Model(), {"scale": 1.0, "data": np.ones(3)}, [1.0, 2.0], pd.Series([1.0, 2.0])
    module = types.ModuleType("mine")
    module.scale = 1.0
    module.helper = lambda x, module=module: x
    yield "attribute", model.log_prob, lambda: setattr(model, "scale", 2.0)
    yield "entry of an attribute", model.log_prob, lambda: model.table.update(a=np.full(3, 5.0))
    yield "entry", lambda x, y: -config["scale"] * x * y, lambda: config.update(scale=3.0)
    yield "array in a dict", lambda x, y: -config["data"].sum() * x * y, lambda: config["data"].fill(4.0)
    yield "list", lambda x, y: -numbers[0] * x * y, lambda: numbers.__setitem__(0, 7.0)
    yield "series", lambda x, y: -np.sum(series) * x * y, lambda: series.__setitem__(0, 7.0)
    yield "module", lambda x, y: -module.scale * x * y, lambda: setattr(module, "scale", 2.0)


@pytest.mark.parametrize(("density", "change"), [pytest.param(f, change, id=name) for name, f, change in changes()])
def test_a_change_of_what_it_refers_to_is_seen_by_the_next_walk(density, change):
    run = w.sample(density, STARTS, 200, 0, move=w.NormalStep(0.3), rng=0, bounds=[(0, 3)] * 2)
    longer = w.sample(density, STARTS, 400, 0, move=w.NormalStep(0.3), rng=0, bounds=[(0, 3)] * 2)
    before = check(density)
    change()
    assert not np.allclose(check(density), before)
    # A run goes on with the density that it began with.
    np.testing.assert_array_equal(run.extend(200).draws, longer.draws)


def test_objects_that_refer_to_each_other_end():
    class Node:
        pass

    one, two = Node(), Node()
    one.scale, one.other = 2.0, two
    two.scale, two.other = 3.0, one
    check(lambda x, y: -one.scale * x * one.other.scale * y)


def test_methods_may_call_methods():
    class Chain:
        offset = 0.5

        def first(self, x):
            return self.second(x) - self._third(x)

        def second(self, x):
            return -x * x + self.offset

        def _third(self, x):
            return x * self.offset

        @functools.cache  # noqa: B019
        def cached(self):
            return 1.0

    chain = Chain()
    check(lambda x, y: chain.first(x) + chain.first(y))


def test_what_changes_its_object_stays_pythons():
    class Counter:
        n = 0

        def __call__(self, x, y):
            self.n += 1
            return -x * y

    counter = Counter()
    run = w.sample(counter, STARTS, 20, 0, move=w.NormalStep(0.1), rng=0)
    assert run.density_kind.startswith("Python callable: f(x, y) (not compiled: numba: ")
    assert counter.n >= 16 * 20


# --- args -------------------------------------------------------------------------------------------


def weighted(x, y, data, scale=1.0):
    return -scale * np.sum((data - x) ** 2) - y * y


TWO_D = np.arange(24.0).reshape(4, 6)

ARGS = {
    "every second": D[::2],
    "backwards": D[::-1],
    "column": np.ascontiguousarray(np.column_stack([D, D])).T[1],
    "plane with gaps": TWO_D[:, ::2],
    "transposed with gaps": TWO_D.T[::3],
    "big endian": D.astype(">f8"),
    "series": pd.Series(D),
}


@pytest.mark.parametrize("name", ARGS)
def test_data_in_args_is_compiled(name):
    check(weighted, args=(ARGS[name],))


@pytest.mark.parametrize("numbers", [D.tolist(), [1, 2, 3], [[1.0, 2.0], [3.0, 4.0]], (1.0, 2.0)])
def test_lists_in_args_are_compiled(numbers):
    check(lambda x, y, data: -np.sum((np.asarray(data) - x) ** 2) - y * y, args=(numbers,))


def test_a_list_stays_a_list():
    def density(x, y, data):
        return -len(data * 2) - x - y

    with pytest.warns(RuntimeWarning, match="but compiled by numba"):
        understood = understand(density, STARTS, args=([1.0, 2.0],))
    assert "it gives other values" in understood.kind
    assert values(understood) == pytest.approx(-4.0 - STARTS.sum(axis=1))


@pytest.mark.parametrize("make", [lambda data: data[::2], lambda data: data[::-1], lambda data: data])
def test_arrays_with_gaps_are_read_where_they_lie(make):
    data = D.copy()
    understood = understand(weighted, STARTS, args=(make(data),))
    assert understood.kind.startswith("compiled by numba")
    data[:] = data[::-1].copy() + 1.0
    np.testing.assert_allclose(values(understood), [weighted(x, y, make(data)) for x, y in STARTS.tolist()], rtol=1e-12)


def test_dicts_and_objects_in_args_are_compiled():
    def density(x, y, config, model, table):
        return -config["scale"] * x * x - model.scale * y * y - np.sum(table["y"]) * 1e-3

    args = ({"scale": 2.0, "name": "a"}, types.SimpleNamespace(scale=3.0), pd.DataFrame({"y": D}))
    before = check(density, args=args)
    args[0]["scale"] = 4.0
    assert not np.allclose(check(density, args=args), before)


# --- functions of SciPy -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "density",
    [
        lambda p: np.sum(D * np.log(p[0]) - p[0] - gammaln(D + 1)) - p[1],
        lambda x, y: special.erfc(x) - special.logit(y / 10) - special.erf(y) + gammaln(x),
        lambda p: -np.sum(special.expit(D * p[0])) - special.logsumexp(p),
        lambda p: stats.norm.logpdf(p[0]) + stats.norm.logpdf(D, loc=p[1], scale=2.0).sum(),
        lambda x, y: np.log(stats.norm.pdf(x, y)) + np.log(stats.norm.pdf(D, x, y)).sum(),
    ],
)
def test_common_functions_of_scipy_are_known(density):
    check(density)


@pytest.mark.parametrize("scale", [-1.0, 0.0])
def test_the_normal_distribution_of_no_width_is_none(scale):
    density = lambda x, y: stats.norm.logpdf(D, x, y).sum()  # noqa: E731
    understood = understand(density, STARTS)
    points = np.array([[1.5, scale]])
    with np.errstate(all="ignore"):
        expected = density(1.5, scale)
    assert np.isnan(values(understood, points)[0]) == np.isnan(expected)


ONE_D = {
    "norm.logpdf": stats.norm.logpdf,
    "frozen": stats.norm(0, 1).logpdf,
    "gamma": stats.gamma(2.0).logpdf,
    "ufunc": np.cos,
    "vectorize": np.vectorize(lambda x: -x * x),
    "lambda": lambda x: stats.expon.logpdf(x),
}


@pytest.mark.parametrize("name", ONE_D)
def test_a_function_of_one_number_that_takes_a_column_gets_all_walkers(name):
    density = ONE_D[name]
    understood = understand(density, LINE)
    assert understood.kind == "vectorised Python callable"
    np.testing.assert_allclose(values(understood, LINE), [float(density(x)) for x in LINE[:, 0]], rtol=1e-12)


def test_a_standard_normal_of_scipy_is_walked_over():
    run = w.sample(stats.norm.logpdf, 0.0, 4000, 500, move=w.NormalStep(2.0), rng=0)
    assert abs(run.mean()[0]) < 0.05
    assert abs(run.draws.std() - 1.0) < 0.05


# --- what is not understood -------------------------------------------------------------------------

SERIES = pd.Series(D)
GENERATOR = np.random.default_rng(0)
INTEGERS = {1: 2.0}
SET = {1.0, 2.0}
FROZEN = stats.gamma(2.0)


def with_errstate(x, y):
    with np.errstate(all="ignore"):
        return -x * y


def with_except(x, y):
    try:
        return -1.0 / x - y
    except ZeroDivisionError:
        return -np.inf


def unstable(p):
    mu = p[0]
    for _ in range(3):
        mu = mu + D
    return -mu.sum() - p[1]


REASONS = {
    "generator expression": (lambda x, y: -sum((d - x) ** 2 for d in D) - y, "generator expressions: put them in br"),
    "generator": (lambda x, y: -x * GENERATOR.normal() - y, "it cannot draw random numbers here"),
    "ddof": (lambda x, y: -np.std(D - x, ddof=1) - y, "it does not know std with these arguments"),
    "scipy.stats": (
        lambda x, y: stats.gamma.logpdf(D, x).sum() - y,
        "it does not know scipy.stats.gamma: write it out",
    ),
    "frozen": (lambda x, y: FROZEN.logpdf(x) - y, "it does not know FROZEN, a scipy.stats"),
    "values": (lambda x, y: -np.sum((SERIES.values - x) ** 2) - y, "it does not know .values of arrays: take it"),
    "dict of integers": (lambda x, y: -x * INTEGERS[1] - y, "it does not know INTEGERS, a dict"),
    "set": (lambda x, y: -x * len(SET) - y, "reflected set"),
    "einsum": (lambda p: -np.einsum("i,i->", p, p), "it does not know numpy.einsum: write it out"),
    "with": (with_errstate, "it does not know with statements, such as np.errstate"),
    "except": (with_except, "it does not know except for some errors: catch Exception"),
    "type": (unstable, "mu is of type float64 at first, and array(float64, 1d, C) later"),
    "C": (np.hypot, "a ufunc is no Python function"),
}


@pytest.mark.parametrize("name", REASONS)
def test_one_line_says_what_was_not_understood(name):
    density, reason = REASONS[name]
    kind = understand(density, STARTS).kind
    assert kind.startswith("Python callable: ")
    assert reason in kind
    assert "0x" not in kind
    assert "object at" not in kind
    assert "\n" not in kind
    if name not in ("C", "generator"):
        assert re.search(r"\(line \d+\)", kind)


# --- numba's own compiler ---------------------------------------------------------------------------


def test_another_numba_compiles_without_our_pass(monkeypatch):
    numba = pytest.importorskip("numba")
    assert _powers.powers_are_checked(), numba.__version__
    monkeypatch.setattr(numba, "__version__", "9.1.0")
    monkeypatch.setattr(_powers, "_checking_compiler", lambda: pytest.fail("used"))
    understood = understand(lambda x, y: -(x**2) - y**2 - 4.5, STARTS)
    assert understood.kind == "compiled by numba, x ** y unchecked: f(x, y)"
    np.testing.assert_allclose(values(understood), -(STARTS**2).sum(axis=1) - 4.5, rtol=1e-14)
