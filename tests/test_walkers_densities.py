"""The built-in densities against SciPy and plain formulas, their moments against exact draws."""

import inspect
import itertools
import json
import pickle

import numpy as np
import pytest
import sklearn.mixture
from numpy.testing import assert_allclose, assert_array_equal
from scipy import integrate
from scipy.special import logsumexp
from scipy.stats import halfcauchy, multivariate_normal, norm
from sklearn.exceptions import NotFittedError

import foldstat
from foldstat.walkers import densities

FAMILIES = ["full", "tied", "diag", "spherical"]


def fitted(covariance_type, library=foldstat, d=3):
    rng = np.random.default_rng(5)
    X = np.concatenate([rng.normal(scale=2.0, size=(300, d)), rng.normal(4.0, size=(200, d)) * np.arange(1, d + 1)])
    mixture = library.GaussianMixture if library is foldstat else library.mixture.GaussianMixture
    return mixture(3, covariance_type=covariance_type, random_state=0).fit(X)


def every_density():
    return [
        densities.ThreeGaussians(),
        densities.ThreeGaussians([[0, 1], [5, 2], [-4, -3]], [0.5, 1.0, 2.0], [0.2, 0.2, 0.6]),
        densities.Banana(),
        densities.Banana(b=0.1, sd=2.0, n_dims=4),
        densities.Funnel(),
        densities.Funnel(n_dims=2, sd=1.0),
        densities.EightSchools(),
        densities.Ring(),
        densities.EggBox(),
        densities.Flat(3),
        densities.GaussianMixtureDensity.of(fitted("full")),
        densities.GaussianMixtureDensity.of(fitted("spherical")),
    ]


each_density = pytest.mark.parametrize("density", every_density(), ids=repr)


def sampled():
    return [density for density in every_density() if density.name not in ("eight_schools", "egg_box", "flat")]


def twin_of_three_gaussians(density, x):
    components = [
        np.log(weight) + multivariate_normal.logpdf(x, mean, sd**2 * np.eye(2))
        for weight, mean, sd in zip(density.weights, density.means, density.sds, strict=True)
    ]
    return logsumexp(components, axis=0)


def twin_of_banana(density, x):
    bent = x[:, 1] + density.b * (x[:, 0] ** 2 - density.sd**2)
    return norm.logpdf(x[:, 0], scale=density.sd) + norm.logpdf(bent) + norm.logpdf(x[:, 2:]).sum(axis=1)


def twin_of_funnel(density, x):
    v = x[:, 0]
    return norm.logpdf(v, scale=density.sd) + norm.logpdf(x[:, 1:], scale=np.exp(v / 2)[:, np.newaxis]).sum(axis=1)


def twin_of_ring(density, x):
    return -((np.linalg.norm(x, axis=1) - density.radius) ** 2) / (2 * density.width**2)


def twin_of_flat(density, x):
    return np.zeros(len(x))


def twin_of_egg_box(density, x):
    inside = ((x >= 0) & (x <= 10 * np.pi)).all(axis=1)
    return np.where(inside, (2 + np.cos(x[:, 0] / 2) * np.cos(x[:, 1] / 2)) ** 5, -np.inf)


def twin_of_eight_schools(density, x):
    y = np.array([28.0, 8, -3, 7, -1, 1, 18, 12])
    sigma = np.array([15.0, 10, 16, 11, 9, 11, 10, 18])
    mu, tau, theta_tilde = x[:, :1], np.exp(x[:, 1:2]), x[:, 2:]
    prior = norm.logpdf(mu, scale=5) + halfcauchy.logpdf(tau, scale=5) + np.log(tau)
    return prior[:, 0] + (norm.logpdf(theta_tilde) + norm.logpdf(y, mu + tau * theta_tilde, sigma)).sum(axis=1)


def twin_of_gaussian_mixture(density, x):
    full = {
        "full": lambda c: c,
        "spherical": lambda c: [variance * np.eye(density.n_dims) for variance in c],
    }[density.covariance_type](density.covariances)
    components = [
        np.log(weight) + multivariate_normal.logpdf(x, mean, cov)
        for weight, mean, cov in zip(density.weights, density.means, full, strict=True)
    ]
    return logsumexp(components, axis=0)


@each_density
def test_the_logarithm_is_that_of_an_obvious_twin(density):
    twin = globals()[f"twin_of_{density.name}"]
    rng = np.random.default_rng(0)
    for n in (1, 7, 1000):
        points = rng.normal(scale=3.0, size=(n, density.n_dims))
        if density.bounds is not None:
            points += 10.0
        values = density(points)
        assert values.shape == (n,)
        assert values.dtype == np.float64
        assert_allclose(values, twin(density, points), rtol=2e-12, atol=1e-12)


@each_density
def test_points_of_any_shape_and_layout(density):
    points = np.random.default_rng(1).uniform(0.0, 5.0, size=(4, 6, density.n_dims))
    values = density(points)
    assert values.shape == (4, 6)
    assert_array_equal(density(points[1, 2]), values[1, 2])
    assert isinstance(density(points[1, 2].tolist()), float)
    assert_array_equal(density(np.asfortranarray(points[0])), values[0])
    assert_array_equal(density(points[:, ::-2]), values[:, ::-2])
    assert density(np.empty((0, density.n_dims))).shape == (0,)
    single = points.astype(np.float32)
    assert_array_equal(density(single), density(single.astype(np.float64)))


@each_density
def test_results_do_not_depend_on_threads(density):
    points = np.random.default_rng(2).normal(size=(5001, density.n_dims))
    with foldstat.threads(1):
        alone = density(points)
    for n in (2, 3, 7):
        with foldstat.threads(n):
            assert_array_equal(density(points), alone)


@each_density
def test_huge_coordinates_give_neither_nan_nor_infinity(density):
    coordinates = [0.0, 1.0, -1e5, 1e17, -1e154, 1e300, -np.finfo(float).max]
    grid = np.stack(np.meshgrid(coordinates, coordinates, coordinates), axis=-1).reshape(-1, 3)
    points = grid[:, np.minimum(np.arange(density.n_dims), 2)]
    values = density(points)
    assert not np.isnan(values).any()
    assert (values < np.inf).all()
    if density.name not in ("flat", "funnel", "eight_schools"):  # where a huge coordinate is allowed
        assert (values[np.abs(points).max(axis=1) > 1e200] == -np.inf).all()


def test_a_funnel_wide_open_is_still_a_density():
    funnel = densities.Funnel(n_dims=2)
    assert funnel([800.0, 1e170]) == pytest.approx(norm.logpdf(800, scale=3) + norm.logpdf(1e170, scale=np.exp(400)))
    assert funnel([-1e300, 0.0]) == -np.inf


@pytest.mark.parametrize(
    "density",
    [
        densities.ThreeGaussians(),
        densities.ThreeGaussians([[0, 1], [3, 2], [-2, -3]], [0.5, 1.0, 0.4], [0.2, 0.2, 0.6]),
        densities.Banana(b=0.05, sd=3.0),
        densities.GaussianMixtureDensity.of(fitted("full", d=2)),
        densities.GaussianMixtureDensity.of(fitted("tied", d=2)),
    ],
    ids=repr,
)
def test_normalised_densities_integrate_to_one(density):
    assert density.normalised
    sides = np.sqrt(np.diag(density.cov()))
    axes = [np.linspace(m - 25 * s, m + 25 * s, 1501) for m, s in zip(density.mean(), sides, strict=True)]
    values = np.exp(density(np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)))
    cell = np.prod([axis[1] - axis[0] for axis in axes])
    assert values.sum() * cell == pytest.approx(1.0, abs=1e-9)
    moments = [np.tensordot(values * cell, np.meshgrid(*axes, indexing="ij")[j], axes=2) for j in range(2)]
    assert_allclose(moments, density.mean(), atol=1e-8)


def test_the_funnel_integrates_to_one():
    funnel = densities.Funnel(n_dims=2)

    def given(v):
        x = np.exp(v / 2) * np.linspace(-12, 12, 2001)
        return np.exp(funnel(np.column_stack([np.full(x.shape, v), x]))).sum() * (x[1] - x[0])

    total, _ = integrate.quad(given, -40, 40, epsabs=1e-10)
    assert funnel.normalised
    assert total == pytest.approx(1.0, abs=1e-8)


@pytest.mark.parametrize("density", sampled(), ids=repr)
def test_moments_are_exact(density):
    """Means and covariances of a million exact draws, to five standard errors."""
    draws = density.sample(1_000_000, rng=7)
    assert draws.shape == (1_000_000, density.n_dims)
    residuals = draws - density.mean()
    error = residuals.std(axis=0) / 1000
    assert (np.abs(residuals.mean(axis=0)) < 5 * error).all()
    products, squares = residuals.T @ residuals / 1e6, (residuals**2).T @ residuals**2 / 1e6
    error = np.sqrt(squares - products**2) / 1000
    assert (np.abs(products - density.cov()) < 5 * error).all()


def test_moments_of_the_egg_box_are_those_of_a_grid():
    box = densities.EggBox()
    axis = np.linspace(0, 10 * np.pi, 2001)
    weights = np.exp(box(np.stack(np.meshgrid(axis, axis), axis=-1)) - 243)

    def integral(values):
        return integrate.simpson(integrate.simpson(values, x=axis), x=axis)

    total = integral(weights)
    assert_allclose(integral(weights * axis) / total, box.mean()[0], rtol=1e-10)
    residuals = axis - box.mean()[0]
    assert_allclose(integral(weights * residuals**2) / total, box.cov()[0, 0], rtol=1e-6)
    covariance = integral(weights * np.multiply.outer(residuals, residuals)) / total
    assert_allclose(covariance, box.cov()[0, 1], rtol=1e-6)
    # The evidence under a uniform prior, which nested samplers are asked for, is 235.856.
    assert np.log(total / (10 * np.pi) ** 2) + 243 == pytest.approx(235.856, abs=1e-3)


def test_draws_have_the_shares_of_the_modes():
    target = densities.ThreeGaussians(weights=[0.1, 0.3, 0.6], means=[[0, 0], [20, 0], [0, 20]])
    draws = target.sample(100_000, rng=0)
    nearest = np.linalg.norm(draws[:, np.newaxis] - np.array(target.means), axis=2).argmin(axis=1)
    shares = np.bincount(nearest) / len(draws)
    assert_allclose(shares, target.weights, atol=5 * 0.5 / np.sqrt(len(draws)))


@pytest.mark.parametrize(
    "density", [density for density in every_density() if density.name in ("banana", "funnel")], ids=repr
)
def test_draws_lie_where_the_density_is(density):
    """The mean logarithm is minus the entropy, which no bend changes, nor scales of mean logarithm zero."""
    logarithms = density(density.sample(100_000, rng=8))
    entropy = 0.5 * density.n_dims * np.log(2 * np.pi * np.e) + np.log(density.sd)
    assert abs(logarithms.mean() + entropy) < 5 * logarithms.std() / np.sqrt(len(logarithms))


def test_draws_of_the_ring_follow_its_radius():
    ring = densities.Ring(radius=0.3, width=1.0)
    radii = np.linalg.norm(ring.sample(200_000, rng=3), axis=1)
    edges = np.linspace(0, 5, 26)
    counts, _ = np.histogram(radii, edges)

    def mass(low, high):
        return integrate.quad(lambda r: r * np.exp(-0.5 * (r - 0.3) ** 2), low, high)[0]

    shares = np.array([mass(low, high) for low, high in itertools.pairwise(edges)]) / mass(0, 20)
    assert (np.abs(counts - 200_000 * shares) < 5 * np.sqrt(200_000 * shares + 1)).all()


@pytest.mark.parametrize("density", sampled(), ids=repr)
def test_draws_come_from_the_generator_given(density):
    assert_array_equal(density.sample(5, rng=3), density.sample(5, np.random.default_rng(3)))
    assert (density.sample(5, rng=3) != density.sample(5, rng=4)).all()
    assert density.sample(0).shape == (0, density.n_dims)
    with pytest.raises(ValueError, match="n must be a number of points"):
        density.sample(-1)
    with pytest.raises(TypeError, match="n must be a number of points"):
        density.sample(2.5)


def test_what_is_unknown_says_so():
    schools, box = densities.EightSchools(), densities.EggBox()
    for ask in (schools.mean, schools.cov, lambda: schools.sample(3), lambda: box.sample(3)):
        with pytest.raises(NotImplementedError, match=r"eight_schools|egg_box"):
            ask()


@each_density
def test_densities_are_values(density):
    for same in (pickle.loads(pickle.dumps(density)), densities.from_config(json.loads(json.dumps(density.config())))):
        assert same == density
        assert hash(same) == hash(density)
        assert repr(same) == repr(density)
        points = np.random.default_rng(4).normal(size=(9, density.n_dims))
        assert_array_equal(same(points), density(points))
    assert sum(density == other for other in every_density()) == 1
    assert len(density.names) == density.n_dims
    with pytest.raises(AttributeError):
        density.name_of_my_cat = 1


@pytest.mark.parametrize("make", [densities.ThreeGaussians, densities.Banana, densities.Funnel, densities.Ring])
def test_a_repr_makes_the_density(make):
    density = make()
    assert eval(repr(density), vars(densities)) == density
    assert list(inspect.signature(make).parameters) == list(density.parameters)


def test_every_density_has_one_spelling():
    """A class, and no function beside it."""
    public = {name: getattr(densities, name) for name in densities.__all__ if name != "from_config"}
    assert all(isinstance(value, type) and issubclass(value, densities.Density) for value in public.values())
    assert {type(density) for density in every_density()} == set(public.values()) - {densities.Density}


def test_what_they_are():
    box = densities.EggBox()
    assert_array_equal(box.bounds, [[0, 10 * np.pi], [0, 10 * np.pi]])
    assert box.names == ("x", "y")
    schools = densities.EightSchools()
    assert schools.names[:3] == ("mu", "log_tau", "theta_tilde[0]")
    assert schools.bounds is None
    point = np.arange(10.0)
    assert_allclose(schools.effects(point), np.exp(1.0) * np.arange(2, 10))
    assert densities.Banana(n_dims=3).names == ("x1", "x2", "x3")
    assert densities.Banana(b=0).cov().tolist() == [[100, 0], [0, 1]]


@pytest.mark.parametrize("covariance_type", FAMILIES)
@pytest.mark.parametrize("library", [foldstat, sklearn], ids=["foldstat", "sklearn"])
def test_a_fitted_mixture_scores_as_the_model_does(covariance_type, library):
    model = fitted(covariance_type, library)
    density = densities.GaussianMixtureDensity.of(model)
    points = np.random.default_rng(6).normal(scale=6.0, size=(2000, 3))
    assert_allclose(density(points), model.score_samples(points), rtol=1e-12)
    mean = model.weights_ @ model.means_
    assert_allclose(density.mean(), mean)
    far = density(np.full((1, 3), 1e6))
    assert_allclose(far, model.score_samples(np.full((1, 3), 1e6)), rtol=1e-12)
    assert densities.from_config(json.loads(json.dumps(density.config()))) == density
    assert covariance_type in repr(density)


def test_a_density_of_a_model_does_not_change_with_it():
    model = fitted("diag")
    density = densities.GaussianMixtureDensity.of(model)
    before = density(np.zeros(3))
    model.means_ += 1.0
    assert density(np.zeros(3)) == before
    with pytest.raises(ValueError, match="read-only"):
        density.means[0] = 1.0


def test_a_model_of_a_frame_names_its_features():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(np.random.default_rng(0).normal(size=(60, 2)), columns=["height", "weight"])
    model = foldstat.GaussianMixture(1).fit(frame)
    assert densities.GaussianMixtureDensity.of(model).names == ("height", "weight")


def test_other_models_are_refused():
    with pytest.raises(TypeError, match=r"fitted GaussianMixture.*BayesianGaussianMixture"):
        densities.GaussianMixtureDensity.of(sklearn.mixture.BayesianGaussianMixture())
    with pytest.raises(NotFittedError):
        densities.GaussianMixtureDensity.of(foldstat.GaussianMixture())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: densities.ThreeGaussians(means=[[0, 0]]), r"means must have shape \(3, 2\), got \(1, 2\)"),
        (lambda: densities.ThreeGaussians(sds=[1, 1, 0]), "sds must be positive"),
        (lambda: densities.ThreeGaussians(sds=[1, np.inf, 1]), "sds must be finite"),
        (lambda: densities.ThreeGaussians(weights=[0.5, 0.5, 0.5]), "weights must sum to 1"),
        (lambda: densities.ThreeGaussians(weights=[0.5, 0.5, 0.0]), "weights must be positive"),
        (lambda: densities.Banana(b=np.nan), "b must be finite"),
        (lambda: densities.Banana(sd=-1), "sd must be positive, got -1"),
        (lambda: densities.Banana(n_dims=1), "n_dims must be at least 2, got 1"),
        (lambda: densities.Funnel(n_dims=1), "n_dims must be at least 2, got 1"),
        (lambda: densities.Funnel(sd=0), "sd must be positive"),
        (lambda: densities.Ring(radius=-1), "radius must not be negative"),
        (lambda: densities.Ring(width=0), "width must be positive"),
        (lambda: densities.Ring(radius=[1, 2]), "radius must have shape"),
        (lambda: densities.Ring()([1.0, 2.0, 3.0]), r"points must have shape \(n, 2\) for ring, got \(3,\)"),
        (lambda: densities.Ring()(1.0), r"points must have shape \(n, 2\)"),
        (lambda: densities.Ring()([[1.0, np.nan]]), r"points must be finite, got nan at \(0, 1\)"),
        (lambda: densities.EightSchools().effects(np.zeros(3)), r"points must have shape \(..., 10\)"),
        (lambda: densities.from_config({"name": "square"}), r"config\['name'\] must be one of three_gaussians"),
    ],
)
def test_wrong_values_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_wrong_types_are_named():
    with pytest.raises(TypeError, match="n_dims must be a number of dimensions"):
        densities.Funnel(n_dims=2.5)
    with pytest.raises(TypeError, match="config must be a dict"):
        densities.from_config("ring")
    with pytest.raises(TypeError, match="sd must hold real numbers"):
        densities.Banana(sd="wide")
