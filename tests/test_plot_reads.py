"""Pictures of pairs, uncertainty, merging and selection: what the axes hold."""

import sys

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import Ellipse

from foldstat import GaussianMixture
from foldstat.plot import plot_entropy, plot_pairs, plot_uncertainty
from mixtures import FAMILIES, model_of, random_mixture

mpl.use("agg")

from matplotlib import pyplot


@pytest.fixture(autouse=True)
def closing():
    yield
    pyplot.close("all")


@pytest.fixture
def ax():
    return pyplot.figure().subplots()


@pytest.mark.parametrize("family", FAMILIES)
def test_pairs_show_every_marginal_once(family):
    m = random_mixture(family, n=60, d=3, k=2)
    axes = plot_pairs(model_of(m), m.X)
    assert axes.shape == (3, 3)
    for (i, j), ax in np.ndenumerate(axes):
        assert ax.axison == (j <= i)
        assert len([p for p in ax.patches if isinstance(p, Ellipse)]) == (4 if j < i else 0)
    points = next(c for c in axes[2, 0].collections if len(c.get_offsets()) == 60)
    np.testing.assert_array_equal(points.get_offsets(), m.X[:, [0, 2]])
    labels = model_of(m).predict(m.X)
    colors = [np.unique(points.get_facecolors()[labels == k], axis=0) for k in range(2)]
    assert [len(color) for color in colors] == [1, 1], "one colour for each component, judged by all features"
    assert axes[1, 0].get_xlim() == axes[0, 0].get_xlim() == axes[2, 0].get_xlim()
    assert (axes[2, 1].get_xlabel(), axes[2, 0].get_ylabel(), axes[1, 0].get_xlabel()) == ("feature 1", "feature 2", "")


def test_pairs_of_names_in_axes_that_are_given():
    frame = pd.DataFrame(random_mixture("full", n=60, d=3, k=2).X, columns=["a", "b", "c"])
    model = GaussianMixture(2, random_state=0).fit(frame)
    axes = pyplot.figure().subplots(2, 2)
    found = plot_pairs(model, frame, axes, features=["c", "a"])
    assert found is axes
    assert (axes[1, 0].get_xlabel(), axes[1, 0].get_ylabel()) == ("c", "a")
    assert len(plot_pairs(model, features=["b"])) == 1
    with pytest.raises(ValueError, match=r"axes must have shape \(3, 3\)"):
        plot_pairs(model, frame, axes)
    with pytest.raises(ValueError, match="features must name 1 to 12 different features"):
        plot_pairs(model_of(random_mixture("diag", d=13)))
    with pytest.raises(ValueError, match="not fitted"):
        plot_pairs(GaussianMixture())


def test_unsure_rows_are_large_and_on_top(ax):
    m = random_mixture("full", n=200, d=3, k=3, spread=1.0)
    plot_uncertainty(model_of(m), m.X, ax, features=(0, 2))
    (points,) = ax.collections
    unsure = np.sort(model_of(m).uncertainty(m.X))
    sizes = points.get_sizes()
    np.testing.assert_allclose(sizes, 6 + 54 * unsure / (2 / 3), rtol=1e-9)
    order = np.argsort(model_of(m).uncertainty(m.X), kind="stable")
    np.testing.assert_array_equal(np.sort(points.get_offsets()[:, 0]), np.sort(m.X[order, 0]))


def test_uncertainty_of_one_feature_is_a_height(ax):
    m = random_mixture("full", n=100, d=1, k=2)
    plot_uncertainty(model_of(m), m.X, ax)
    offsets = ax.collections[0].get_offsets()
    np.testing.assert_allclose(np.sort(offsets[:, 1]), np.sort(model_of(m).uncertainty(m.X)), atol=1e-12)
    assert ax.get_ylabel() == "uncertainty"
    plot_uncertainty(model_of(random_mixture("full", d=1, k=1)), m.X)


def test_entropy_is_drawn_with_its_elbow(ax):
    m = random_mixture("full", n=100, d=2, k=5)
    merging = model_of(m).merge_components(m.X)
    plot_entropy(merging, ax)
    np.testing.assert_array_equal(ax.lines[-1].get_xydata(), np.column_stack([merging.n_clusters, merging.entropy]))
    assert merging.elbow in [line.get_xdata()[0] for line in ax.lines]
    assert len(ax.lines) == 4
    assert len(plot_entropy(model_of(random_mixture("full", k=2)).merge_components(), pyplot.gca()).lines) >= 1


@pytest.mark.parametrize(
    "draw",
    [
        plot_pairs,
        lambda m: plot_uncertainty(m, [[0.0, 0.0]]),
        lambda m: plot_entropy(m),
    ],
)
def test_without_matplotlib_the_message_names_the_extra(monkeypatch, draw):
    model = model_of(random_mixture("full", d=2))
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"foldstat\[plot\]"):
        draw(model)
