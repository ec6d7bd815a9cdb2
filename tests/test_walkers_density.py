"""What a callable looks like decides how it is called."""

from __future__ import annotations

import functools
import math
import threading
import warnings

import numpy as np
import pytest
from sklearn.mixture import GaussianMixture as SklearnMixture

from foldstat import GaussianMixture
from foldstat._core import WalkerDensity
from foldstat.walkers import densities
from foldstat.walkers.density import understand

STARTS = np.random.default_rng(0).normal(size=(64, 2)) * 2
LINE = np.linspace(0.1, 2.0, 64)[:, np.newaxis]


def values(understood, points, n_jobs=None):
    """Its values at the points, by the compiled module."""
    points = np.ascontiguousarray(points, dtype=np.float64)
    out = np.empty(len(points))
    understood.compiled.evaluate(points, out, n_jobs)
    return out


def in_python(density, starts=STARTS, **arguments):
    return understand(density, starts, where="python", **arguments)


def normal(p):
    return -0.5 * (p[0] ** 2 + p[1] ** 2)


# --- how it is called -------------------------------------------------------------------------------


def with_default(x, y, scale=2.0):
    return -scale * x * y


def point_with_default(p, scale=2.0):
    return -scale * p[0] * p[1]


@pytest.mark.parametrize(
    ("density", "kind"),
    [
        (lambda x, y: -x * y, "Python callable: f(x, y)"),
        (lambda *x: -math.prod(x), "Python callable: f of 2 coordinates"),
        (with_default, "Python callable: f(x, y)"),
        (point_with_default, "Python callable: f(point)"),
        (normal, "Python callable: f(point)"),
        (lambda p: -0.5 * (p**2).sum(axis=-1), "vectorised Python callable"),
        (lambda p: -0.5 * (p**2).sum(axis=1), "vectorised Python callable"),
        (lambda p: [float(-x) for x in p[:, 0]], "vectorised Python callable"),
        (lambda p: -p.sum(), "Python callable: f(point)"),
        (functools.partial(with_default, scale=1.0), "Python callable: f(x, y)"),
        (np.hypot, "Python callable: f(x1, x2)"),
    ],
)
def test_parameters_say_how_a_callable_is_called(density, kind):
    understood = in_python(density)
    assert understood.kind == kind
    assert understood.original is density
    if kind.startswith("vectorised"):
        expected = density(STARTS)
    elif "point" in kind:
        expected = [density(p) for p in STARTS]
    else:
        expected = [density(*p) for p in STARTS.tolist()]
    assert values(understood, STARTS) == pytest.approx(np.array(expected), rel=1e-15)


@pytest.mark.parametrize(
    ("density", "kind"),
    [
        (lambda x: -x * x, "Python callable: f(x)"),
        (lambda x: math.log(x), "Python callable: f(x)"),
        (lambda p: -(p[0] ** 2), "Python callable: f(point)"),
        (lambda p: -(p[:, 0] ** 2), "vectorised Python callable"),
        (lambda p: -(p**2).sum(axis=-1), "vectorised Python callable"),
    ],
)
def test_one_dimension(density, kind):
    understood = in_python(density, LINE)
    assert understood.kind == kind
    expected = (
        density(LINE) if kind.startswith("vectorised") else [density(p if "point" in kind else p[0]) for p in LINE]
    )
    np.testing.assert_allclose(values(understood, LINE), np.ravel(expected), rtol=1e-15)


@pytest.mark.parametrize("shape", [(1, 2), (2, 2), (3, 3), (4, 4), (12, 12), (64, 12), (13, 13)])
@pytest.mark.parametrize("height", [0.0, 1.0])
def test_a_function_of_one_point_may_give_an_array_for_all(shape, height):
    # Given the array of all points instead of one, it gives as many values as there are dimensions.
    def density(p):
        return -height * sum(p[j] ** 2 for j in range(shape[1]))

    assert in_python(density, np.ones(shape)).kind == "Python callable: f(point)"


@pytest.mark.parametrize("value", [-np.inf, np.nan, 0.0])
def test_a_vectorised_callable_is_one_wherever_it_starts(value):
    assert in_python(lambda p: np.where(p[:, 0] < 1e9, value, 1.0)).kind == "vectorised Python callable"


def test_one_point_that_refuses_a_batch_is_not_vectorised():
    def density(p):
        if np.any(p < -1):
            return np.full(p.shape[:-1], -np.inf)
        return -(p**2).sum(axis=-1)

    assert in_python(density, np.ones((8, 2))).kind == "Python callable: f(point)"


def test_single_precision_is_vectorised():
    assert in_python(lambda p: (-(p[:, 0] ** 2)).astype(np.float32)).kind == "vectorised Python callable"


def test_a_factory_is_to_be_called():
    with pytest.raises(TypeError, match=r"call it, ThreeGaussians\(\)"):
        understand(densities.ThreeGaussians, STARTS)


def test_names_of_coordinates():
    assert in_python(lambda x, y=0.0: -x * y).coordinate_names == ("x", "y")
    assert in_python(normal).coordinate_names is None


@pytest.mark.parametrize(
    ("call", "density", "kind"),
    [
        ("point", lambda p: -0.5 * (p**2).sum(axis=-1), "Python callable: f(point)"),
        ("points", lambda p: -0.5 * (p**2).sum(axis=-1), "vectorised Python callable"),
        ("coordinates", math.hypot, "Python callable: f of 2 coordinates"),
    ],
)
def test_call_forces(call, density, kind):
    assert in_python(density, call=call).kind == kind


def test_args_come_after_the_point():
    data = np.arange(3.0)
    np.testing.assert_array_equal(
        values(in_python(lambda x, y, a, k: x + k * a.sum(), args=(data, 2)), STARTS), STARTS[:, 0] + 6
    )
    np.testing.assert_array_equal(values(in_python(lambda p, a: p[0] + a[1], args=(data,)), STARTS), STARTS[:, 0] + 1)
    vectorised = in_python(lambda p, a: p[:, 0] + a[1], args=(data,))
    assert vectorised.kind == "vectorised Python callable"
    np.testing.assert_array_equal(values(vectorised, STARTS), STARTS[:, 0] + 1)


# --- what is refused --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("density", "arguments", "error", "message"),
    [
        (3, {}, TypeError, "density must be callable.*found int"),
        (lambda x, y, z: 0.0, {}, TypeError, r"2 coordinate\(s\), or one point, but it takes 3 arguments"),
        (lambda x, y: 0.0, {"args": (1, 2)}, TypeError, r"2 coordinate\(s\) and 2 of args"),
        (lambda x, y, s=1: 0.0, {"args": (1,)}, TypeError, 'say which by call="coordinates"'),
        (normal, {"call": "walkers"}, ValueError, "call must be None or one of 'coordinates', 'point', 'points'"),
        (normal, {"where": "gpu"}, ValueError, "where must be None or 'python', found 'gpu'"),
        (lambda mu, tau: 0.0, {"names": ["tau", "mu"]}, ValueError, "names are tau, mu, but the parameters.*mu, tau"),
        (densities.ThreeGaussians(), {"log": False}, ValueError, "gives the logarithm: leave log=True"),
        (densities.ThreeGaussians(), {"args": (1,)}, ValueError, "args is for Python functions"),
        (densities.ThreeGaussians(), {"call": "point"}, ValueError, "call is for Python functions"),
        (densities.Funnel(3), {}, ValueError, r"has 3 dimension\(s\).*the starts have 2"),
    ],
)
def test_refused(density, arguments, error, message):
    with pytest.raises(error, match=message):
        understand(density, STARTS, **arguments)


@pytest.mark.parametrize(
    ("density", "call", "error", "message"),
    [
        (lambda x, y: None, None, TypeError, "one number for each point, but at .* it gave None"),
        (lambda x, y: "a", None, TypeError, "it gave a value of type str"),
        (lambda x, y: 1j, None, TypeError, "it gave a value of type complex"),
        (lambda x, y: np.array([1.0]), None, TypeError, r"a ndarray of shape \(1,\) and dtype float64"),
        (lambda p: p, "points", ValueError, r"shape \(64,\), but it gave a ndarray of shape \(64, 2\)"),
        (lambda p: 1.0, "points", ValueError, "it gave a value of type float"),
        (lambda p: p[:-1, 0], "points", ValueError, r"it gave a ndarray of shape \(63,\)"),
        (lambda p: p[:, 0].astype(complex), "points", TypeError, "must give real numbers.*complex128"),
        (lambda p: None, "points", ValueError, "it gave None"),
    ],
)
def test_results_that_are_no_numbers(density, call, error, message):
    with pytest.raises(error, match=message):
        values(in_python(density, call=call), STARTS)


@pytest.mark.parametrize(
    "result",
    [
        lambda p: p[:, 0].astype(np.float32),
        lambda p: p[:, 0].astype(int),
        lambda p: p[::-1, 0][::-1],
        lambda p: list(p[:, 0]),
        lambda p: p[:, 0].astype(">f8"),
    ],
)
def test_results_of_other_kinds_are_converted(result):
    expected = np.asarray(result(STARTS), dtype=np.float64)
    np.testing.assert_array_equal(values(in_python(result, call="points"), STARTS), expected)


@pytest.mark.parametrize("result", [np.float64(2), np.float32(2), 2, np.array(2.0)])
def test_numbers_of_other_kinds_are_converted(result):
    assert (values(in_python(lambda x, y: result), STARTS) == float(result)).all()


# --- exceptions -------------------------------------------------------------------------------------


class OwnError(Exception):
    pass


@pytest.mark.parametrize("error", [OwnError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("call", ["coordinates", "point", "points"])
def test_what_a_callable_raises_comes_out(call, error):
    raised = error("here")

    def density(*_):
        raise raised

    with pytest.raises(error) as caught:
        values(in_python(density, call=call), STARTS)
    assert caught.value is raised


def test_threads_get_their_own_exceptions():
    def density(p):
        if p[0, 0] < 0:
            raise OwnError(p[0, 0])
        return p[:, 0]

    compiled = WalkerDensity.python(density, 1, True)
    wrong = []

    def work(number):
        points, out = np.full((4, 1), -float(number)), np.empty(4)
        for _ in range(300):
            try:
                compiled.evaluate(points, out)
            except OwnError as error:
                if error.args != (-float(number),):
                    wrong.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# --- arrays -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["point", "points"])
def test_a_callable_may_keep_and_change_its_argument(call):
    kept = []

    def density(p):
        kept.append(p)
        value = p[..., 0].copy()
        p[...] = np.nan
        return value if call == "points" else float(value)

    points = STARTS.copy()
    understood = in_python(density, call=call)
    first, second = values(understood, points), values(understood, points)
    np.testing.assert_array_equal(first, STARTS[:, 0])
    np.testing.assert_array_equal(second, first)
    np.testing.assert_array_equal(points, STARTS)
    assert len({array.ctypes.data for array in kept}) == len(kept)


def test_trying_changes_nothing_and_warns_of_nothing():
    starts = STARTS.copy()

    def density(p):
        warnings.warn("called", UserWarning, stacklevel=1)
        p -= 1
        return -(p**2).sum(axis=-1)

    assert in_python(density, starts).kind == "vectorised Python callable"
    np.testing.assert_array_equal(starts, STARTS)


@pytest.mark.parametrize(
    ("points", "out", "message"),
    [
        (np.zeros((4, 3)), np.zeros(4), r"points has the wrong shape: expected \(4, 2\)"),
        (np.zeros((4, 2)), np.zeros(3), r"out has the wrong shape: expected \(4,\)"),
        (np.zeros((4, 2), order="F"), np.zeros(4), "points must be aligned and in C order"),
        (np.zeros((4, 2)), np.zeros(8)[::2], "out must be aligned and in C order"),
    ],
)
def test_evaluate_checks_its_arrays(points, out, message):
    with pytest.raises(ValueError, match=message):
        in_python(normal).compiled.evaluate(points, out)


# --- built in ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("mixture", [GaussianMixture, SklearnMixture])
@pytest.mark.parametrize("family", ["full", "tied", "diag", "spherical"])
def test_fitted_mixtures_are_built_in(mixture, family):
    model = mixture(2, covariance_type=family, random_state=0).fit(STARTS)
    for density in (model, model.score_samples):
        understood = understand(density, STARTS)
        assert understood.kind == "built in: gaussian_mixture"
        assert understood.compiled.is_built_in
        np.testing.assert_allclose(values(understood, STARTS), model.score_samples(STARTS), rtol=1e-12)


def test_other_models_are_called():
    class Other(SklearnMixture):
        pass

    model = Other(2, random_state=0).fit(STARTS)
    understood = understand(model.score_samples, STARTS)
    assert understood.kind == "vectorised Python callable"
    np.testing.assert_array_equal(values(understood, STARTS), model.score_samples(STARTS))


def test_built_in_densities():
    target = densities.ThreeGaussians()
    understood = understand(target, STARTS)
    assert understood.kind == "built in: three_gaussians"
    assert understood.original is target
    np.testing.assert_array_equal(values(understood, STARTS), target(STARTS))
