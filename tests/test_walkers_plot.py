"""Pictures of runs: what the axes hold, and what is refused."""

import sys

import matplotlib as mpl
import numpy as np
import pytest

from foldstat import walkers as w

mpl.use("agg")

from matplotlib import pyplot


@pytest.fixture(autouse=True)
def _closed():
    yield
    pyplot.close("all")


def sample(density=None, n_dims=2, n_steps=400, **keywords):
    settings = {"n_walkers": 12, "burn_in": 50, "move": w.UniformStep(2.0), "rng": 0} | keywords
    return w.sample(density or w.densities.ThreeGaussians(), np.zeros(n_dims), n_steps=n_steps, **settings)


def colours(ax):
    """The counts of the picture of a density."""
    (mesh,) = (c for c in ax.collections if hasattr(c, "get_coordinates"))
    return mesh


def test_two_dimensions_have_histograms_traces_and_the_plane():
    run = sample()
    axes = run.plot()
    assert len(axes) == 5
    x, x_trace, y, y_trace, plane = axes
    assert (x.get_xlabel(), y.get_xlabel()) == run.names
    assert (x_trace.get_ylabel(), y_trace.get_ylabel()) == run.names
    assert y_trace.get_xlabel() == "steps after the burn-in (8 of 12 walkers)"
    assert (plane.get_xlabel(), plane.get_ylabel()) == run.names
    assert {ax.figure for ax in axes} == {pyplot.gcf()}
    x.figure.canvas.draw()


def test_the_plane_holds_all_draws():
    run = sample()
    mesh = colours(run.plot()[-1])
    counts = np.ma.filled(mesh.get_array(), 0)
    assert counts.sum() == 12 * 400
    corners = mesh.get_coordinates()
    expected = np.histogram2d(*run.draws.reshape(-1, 2).T, [corners[0, :, 0], corners[:, 0, 1]])[0]
    np.testing.assert_array_equal(counts.reshape(expected.T.shape), expected.T)


def test_traces_are_those_of_walkers():
    run = sample(thin=2)
    lines = run.plot()[1].get_lines()
    assert len(lines) == 8
    walkers = {tuple(walk) for walk in run.draws[..., 0].tolist()}
    for line in lines:
        np.testing.assert_array_equal(line.get_xdata(), np.arange(2, 401, 2))
        assert tuple(line.get_ydata().tolist()) in walkers


def test_long_traces_are_thinned():
    run = sample(n_steps=4500)
    line = run.plot()[1].get_lines()[0]
    assert 1000 <= len(line.get_xdata()) <= 1200
    np.testing.assert_array_equal(line.get_ydata(), run.draws[0, ::4, 0])


def test_histograms_have_area_one():
    run = sample()
    for patch in run.plot()[0].patches:
        values, edges, _ = patch.get_data()
        assert np.sum(values * np.diff(edges)) == pytest.approx(1.0)


def test_dimensions_can_be_chosen():
    run = sample(w.densities.Funnel(10), 10)
    assert len(run.plot()) == 16
    axes = run.plot((3, run.names[0]))
    assert len(axes) == 5
    assert axes[-1].get_xlabel() == run.names[3]
    assert len(run.plot(2)) == 2


def test_moments_have_no_traces():
    x, y, plane = sample(keep="moments").plot()
    assert plane.get_xlabel() == x.get_xlabel()
    assert not x.get_lines()
    assert not y.get_lines()
    assert len(sample(keep="moments", histograms=[0, 1]).plot()) == 2
    with pytest.raises(ValueError, match="no histogram"):
        sample(keep="moments", histograms=()).plot()


def test_one_walker_and_one_draw():
    axes = sample(n_walkers=1, n_steps=1).plot()
    axes[0].figure.canvas.draw()


@pytest.mark.parametrize("dims", ["z", 2, (0, 0)])
def test_other_dimensions_are_refused(dims):
    with pytest.raises(ValueError, match="dims must"):
        sample().plot(dims)


def test_without_matplotlib_the_message_names_the_extra(monkeypatch):
    run = sample()
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"foldstat\[plot\]"):
        run.plot()


def test_walking_imports_no_library_for_pictures_tables_or_bars():
    import subprocess

    code = (
        "import sys; from foldstat import walkers as w; "
        "run = w.sample(w.densities.Ring(), [4.0, 0.0], n_steps=10, rng=0); run.summary(); "
        "print([name for name in ('matplotlib', 'arviz', 'tqdm.auto') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_a_plot_without_histograms_says_what_to_keep():
    run = w.sample(w.densities.Banana(), [0.0, 0.0], n_steps=9, n_walkers=4, rng=0, keep="moments", histograms=())
    with pytest.raises(ValueError, match=r"plot\(\): this run keeps moments only, and no histogram"):
        run.plot()
