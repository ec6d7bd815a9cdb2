"""Pictures of mixtures: what the axes hold, against formulas; and what is refused."""

import sys

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.contour import ContourSet
from matplotlib.patches import Ellipse
from scipy.stats import multivariate_normal, norm

import foldstat
from foldstat.plot import plot_mixture

mpl.use("agg")

from matplotlib import pyplot

WEIGHTS = np.array([0.5, 0.3, 0.2])
MEANS = np.array([[0.0, 0.0, 1.0], [6.0, 1.0, -2.0], [-5.0, 4.0, 0.0]])
FACTORS = np.array(
    [
        [[1.0, 0.0, 0.0], [0.6, 0.5, 0.0], [0.1, 0.2, 1.0]],
        [[2.0, 0.0, 0.0], [-0.4, 1.5, 0.0], [0.0, 0.3, 0.7]],
        [[0.7, 0.0, 0.0], [0.5, 1.2, 0.0], [-0.2, 0.1, 0.4]],
    ]
)
FULL = FACTORS @ FACTORS.transpose(0, 2, 1)
COVARIANCES = {
    "full": FULL,
    "tied": FULL[1],
    "diag": np.diagonal(FULL, axis1=1, axis2=2),
    "spherical": np.array([1.0, 4.0, 0.25]),
}
SPELLED = {
    "full": FULL,
    "tied": np.stack([FULL[1]] * 3),
    "diag": np.stack([np.diag(np.diag(c)) for c in FULL]),
    "spherical": np.stack([v * np.eye(3) for v in (1.0, 4.0, 0.25)]),
}


@pytest.fixture
def ax():
    figure, axes = pyplot.subplots()
    yield axes
    pyplot.close(figure)


def mixture(covariance_type="full", d=3):
    covariances = COVARIANCES[covariance_type]
    if covariance_type in {"full", "tied"}:
        covariances = covariances[..., :d, :d]
    elif covariance_type == "diag":
        covariances = covariances[:, :d]
    return foldstat.GaussianMixture.from_parameters(WEIGHTS, MEANS[:, :d], covariances, covariance_type=covariance_type)


def draws(n, d=3, seed=0):
    generator = np.random.default_rng(seed)
    component = generator.choice(3, n, p=WEIGHTS)
    rows = MEANS[component] + np.einsum("nij,nj->ni", FACTORS[component], generator.standard_normal((n, 3)))
    return rows[:, :d]


def ellipses(ax):
    return [patch for patch in ax.patches if isinstance(patch, Ellipse)]


def contours(ax):
    """Lines, not the filled areas between them."""
    (lines,) = (c for c in ax.collections if isinstance(c, ContourSet) and not c.filled)
    return lines


def points(ax):
    scatters = [c for c in ax.collections if not isinstance(c, ContourSet)]
    return scatters[0] if scatters else None


@pytest.mark.parametrize("covariance_type", COVARIANCES)
@pytest.mark.parametrize("features", [(0, 1), (2, 0)])
def test_ellipses_are_the_level_sets_of_the_marginals(ax, covariance_type, features):
    plot_mixture(mixture(covariance_type), draws(50), ax, features=features, n_sigma=(1, 2, 2.5))
    drawn = ellipses(ax)
    assert len(drawn) == 3 * 3
    for position, ellipse in enumerate(drawn):
        component, sigma = position // 3, (1, 2, 2.5)[position % 3]
        mean = MEANS[component, features]
        covariance = SPELLED[covariance_type][component][np.ix_(features, features)]
        outline = ellipse.get_patch_transform().transform_path(ellipse.get_path()).vertices
        # A path's control points lie off the curve; its joints, every third vertex, lie on it.
        offsets = outline[::3][:8] - mean
        distances = np.sqrt(np.einsum("ni,ij,nj->n", offsets, np.linalg.inv(covariance), offsets))
        np.testing.assert_allclose(distances, sigma, rtol=1e-6)


@pytest.mark.parametrize("covariance_type", COVARIANCES)
def test_contours_lie_at_the_asked_log_densities(ax, covariance_type):
    asked = [-9.0, -6.0, -4.0]
    plot_mixture(mixture(covariance_type), None, ax, features=(1, 2), levels=asked)
    lines = contours(ax)
    assert lines.levels.tolist() == asked
    for level, path in zip(lines.levels, lines.get_paths(), strict=True):
        density = sum(
            w * multivariate_normal(m[1:], c[1:, 1:]).pdf(path.vertices)
            for w, m, c in zip(WEIGHTS, MEANS, SPELLED[covariance_type], strict=True)
        )
        assert len(path.vertices) > 20
        np.testing.assert_allclose(np.log(density), level, atol=0.02)


def test_automatic_contours_leave_one_percent_of_the_rows_outside(ax):
    model, rows = mixture(d=2), draws(3000, d=2)
    plot_mixture(model, rows, ax, levels=6)
    levels = contours(ax).levels
    assert len(levels) == 6
    np.testing.assert_allclose(np.diff(levels), levels[1] - levels[0])
    assert np.mean(model.score_samples(rows) < levels[0]) == pytest.approx(0.01, abs=0.001)


def test_points_are_the_rows_in_the_colour_of_their_component(ax):
    rows = draws(300)
    plot_mixture(mixture(), rows, ax, features=(2, 0))
    scatter = points(ax)
    np.testing.assert_array_equal(scatter.get_offsets(), rows[:, [2, 0]])
    densities = [
        weight * multivariate_normal(mean[[2, 0]], covariance[np.ix_([2, 0], [2, 0])]).pdf(rows[:, [2, 0]])
        for weight, mean, covariance in zip(WEIGHTS, MEANS, FULL, strict=True)
    ]
    likeliest = np.argmax(densities, axis=0)
    edges = np.array([ellipse.get_edgecolor()[:3] for ellipse in ellipses(ax)[::2]])
    assert len(np.unique(edges, axis=0)) == len(np.unique(likeliest)) == 3
    np.testing.assert_allclose(scatter.get_facecolors()[:, :3], edges[likeliest])


def test_many_rows_are_thinned_the_same_way_each_time(ax):
    model, rows = mixture(d=2), draws(2000, d=2)
    plot_mixture(model, rows, ax, max_points=100, random_state=3)
    first = points(ax).get_offsets().copy()
    assert len({tuple(row) for row in first} & {tuple(row) for row in rows}) == 100
    ax.clear()
    plot_mixture(model, rows, ax, max_points=100, random_state=3)
    np.testing.assert_array_equal(points(ax).get_offsets(), first)
    ax.clear()
    plot_mixture(model, rows, ax, max_points=100, random_state=4)
    assert (points(ax).get_offsets() != first).any()


@pytest.mark.parametrize("covariance_type", COVARIANCES)
def test_one_feature_shows_histogram_and_densities(ax, covariance_type):
    rows = draws(5000)
    plot_mixture(mixture(covariance_type), rows, ax, features=(2,))
    *components, total = ax.get_lines()
    assert len(components) == 3
    expected = 0.0
    for weight, mean, covariance, line in zip(WEIGHTS, MEANS, SPELLED[covariance_type], components, strict=True):
        density = weight * norm(mean[2], np.sqrt(covariance[2, 2])).pdf(line.get_xdata())
        np.testing.assert_allclose(line.get_ydata(), density, rtol=1e-9, atol=1e-12)
        expected = expected + density
    np.testing.assert_allclose(total.get_ydata(), expected, rtol=1e-9, atol=1e-12)
    area = sum(bar.get_width() * bar.get_height() for bar in ax.patches)
    assert area == pytest.approx(1.0)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("feature 2", "density")


def test_a_model_without_rows_and_without_axes_draws_into_the_current_ones(ax):
    pyplot.sca(ax)
    assert plot_mixture(mixture(d=2)) is ax
    assert points(ax) is None
    assert len(ellipses(ax)) == 6
    assert len(contours(ax).levels) == 7


def test_axes_carry_the_names_of_the_columns(ax):
    import pandas

    frame = pandas.DataFrame(draws(200), columns=["length", "width", "height"])
    model = foldstat.GaussianMixture(2, random_state=0).fit(frame)
    plot_mixture(model, frame, ax, features=(2, 0))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("height", "length")


def test_scikit_learns_model_gives_the_same_picture(ax):
    from sklearn.mixture import GaussianMixture

    rows = draws(300, d=2)
    model = GaussianMixture(3, covariance_type="diag", random_state=0).fit(rows)
    plot_mixture(model, rows, ax)
    outlines = [(e.center, e.width, e.height, e.angle) for e in ellipses(ax)]
    ax.clear()
    ours = foldstat.GaussianMixture.from_parameters(
        model.weights_, model.means_, model.covariances_, covariance_type="diag"
    )
    plot_mixture(ours, rows, ax)
    assert [(e.center, e.width, e.height, e.angle) for e in ellipses(ax)] == outlines


def test_one_row_and_one_component(ax):
    model = foldstat.GaussianMixture.from_parameters([1.0], [[2.0, 3.0]], [[[1.0, 0.0], [0.0, 1.0]]])
    plot_mixture(model, [[2.0, 3.0]], ax)
    assert len(ellipses(ax)) == 2
    assert len(contours(ax).levels) >= 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "3 features and a picture shows one or two"),
        ({"features": (0, 1, 2)}, "one or two different features"),
        ({"features": (1, 1)}, "one or two different features"),
        ({"features": ()}, "one or two different features"),
        ({"features": (0, 3)}, "between 0 and 2"),
        ({"features": (-1, 0)}, "between 0 and 2"),
        ({"features": (0, 1), "X": np.zeros((4, 2))}, r"shape \(n, 3\)"),
        ({"features": (0, 1), "X": np.zeros(3)}, r"shape \(n, 3\)"),
        ({"features": (0, 1), "levels": 0}, "levels must be at least 1"),
    ],
)
def test_what_cannot_be_drawn_is_refused(ax, arguments, message):
    with pytest.raises(ValueError, match=message):
        plot_mixture(mixture(), ax=ax, **arguments)


def test_an_unfitted_model_is_refused(ax):
    with pytest.raises(ValueError, match="not fitted"):
        plot_mixture(foldstat.GaussianMixture(2), ax=ax)


def test_without_matplotlib_the_message_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"foldstat\[plot\]"):
        plot_mixture(mixture(d=2))


def test_importing_foldstat_does_not_import_matplotlib():
    import subprocess

    code = "import sys, foldstat, foldstat.plot; print('matplotlib' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"


@pytest.fixture
def closing():
    yield
    pyplot.close("all")


@pytest.mark.usefixtures("closing")
def test_numbers_of_numpy_are_numbers():
    X = np.random.default_rng(0).normal(size=(300, 3))
    model = foldstat.GaussianMixture(2, random_state=0).fit(X)
    kinds = [(0, 2), np.array([0, 2]), (np.int64(0), np.uint8(2))]
    pictures = [
        plot_mixture(model, X, pyplot.figure().subplots(), features=f, levels=n)
        for f in kinds
        for n in (5, np.int64(5))
    ]
    counts = {tuple(len(collection.get_paths()) for collection in ax.collections) for ax in pictures}
    assert len(counts) == 1
    assert plot_mixture(model, X, pyplot.figure().subplots(), features=np.int64(1)).get_xlabel() == "feature 1"
    with pytest.raises(ValueError, match="levels must be at least 1, got 0"):
        plot_mixture(model, X, pyplot.figure().subplots(), features=(0, 1), levels=np.int64(0))


@pytest.mark.usefixtures("closing")
def test_features_may_be_named():
    pd = pytest.importorskip("pandas")
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(200, 3)), columns=["width", "length", "weight"])
    model = foldstat.GaussianMixture(2, random_state=0).fit(X)
    ax = plot_mixture(model, X, pyplot.figure().subplots(), features=["weight", "width"])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("weight", "width")
    assert plot_mixture(model, X, pyplot.figure().subplots(), features="length").get_xlabel() == "length"
    assert plot_mixture(model, X, pyplot.figure().subplots(), features=("length", 0)).get_ylabel() == "width"
    with pytest.raises(ValueError, match="no feature 'height'; its names are: 'width', 'length', 'weight'"):
        plot_mixture(model, X, pyplot.figure().subplots(), features=["height"])
    with pytest.raises(ValueError, match="no feature 'a'; its names are: none"):
        plot_mixture(foldstat.GaussianMixture(1).fit(X.to_numpy()), features="a")
    with pytest.raises(TypeError, match=r"features must hold numbers or names of features, got 1\.5"):
        plot_mixture(model, features=[1.5])
