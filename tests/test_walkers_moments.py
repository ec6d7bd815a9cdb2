"""Moments and histograms: kept while walking or taken from draws, and merged."""

import numpy as np
import pytest

from foldstat import walkers as w

DENSITY = w.densities.ThreeGaussians()


def sample(keep="moments", n_walkers=9, n_steps=300, rng=0, density=DENSITY, **keywords):
    settings = {"move": w.UniformStep(2.0), "burn_in": 50, "names": ["x1", "x2"]} | keywords
    return w.sample(density, [0.0, 0.0], n_steps=n_steps, n_walkers=n_walkers, rng=rng, keep=keep, **settings)


def test_moments_are_those_of_the_draws():
    kept, draws = sample(), sample("draws")
    for moments in (kept.moments, draws.moments):
        np.testing.assert_array_equal(moments.counts, [300] * 9)
        np.testing.assert_allclose(moments.means, draws.draws.mean(axis=1), rtol=1e-12)
        expected = [np.cov(walk, rowvar=False) for walk in draws.draws]
        np.testing.assert_allclose(moments.covariances, expected, rtol=1e-10)
    pooled = draws.draws.reshape(-1, 2)
    for run in (kept, draws):
        np.testing.assert_allclose(run.mean(), pooled.mean(axis=0), rtol=1e-12)
        np.testing.assert_allclose(run.cov(), np.cov(pooled, rowvar=False), rtol=1e-10)
    np.testing.assert_array_equal(kept.acceptance_rate, draws.acceptance_rate)
    np.testing.assert_array_equal(kept.positions, draws.positions)


def test_moments_of_thinned_draws():
    kept, draws = sample(thin=7), sample("draws", thin=7)
    np.testing.assert_array_equal(kept.moments.counts, [42] * 9)
    np.testing.assert_allclose(kept.mean(), draws.mean(), rtol=1e-12)


def test_histograms_are_those_of_the_draws():
    kept, pooled = sample(), sample("draws").draws.reshape(-1, 2)
    assert list(kept.moments.histograms) == [(0,), (1,), (0, 1)]
    for dims, (counts, edges) in kept.moments.histograms.items():
        assert counts.shape == (64,) * len(dims)
        np.testing.assert_array_equal(counts, np.histogramdd(pooled[:, dims], edges)[0])
        assert counts.sum() > 0.99 * len(pooled)
    np.testing.assert_array_equal(kept.histogram().counts, kept.moments.histograms[0, 1].counts)
    np.testing.assert_array_equal(kept.histogram(dims="x2").counts, kept.moments.histograms[1,].counts)


def test_histograms_that_were_asked_for():
    edges = np.array([-5.0, 0.0, 0.5, 5.0])
    kept = sample(histograms={"x1": edges, (1, 0): (4, edges), 1: 10})
    pooled = sample("draws").draws.reshape(-1, 2)
    assert list(kept.moments.histograms) == [(0,), (1, 0), (1,)]
    np.testing.assert_array_equal(kept.histogram(dims=0).counts, np.histogram(pooled[:, 0], edges)[0])
    counts, (first, second) = kept.histogram(dims=(1, 0))
    assert (len(first), second.tolist()) == (5, edges.tolist())
    np.testing.assert_array_equal(counts, np.histogramdd(pooled[:, ::-1], (first, second))[0])
    assert sample(histograms=()).moments.histograms == {}
    assert sample(histograms=7).histogram().counts.shape == (7, 7)
    assert list(sample(histograms=["x2"]).moments.histograms) == [(1,)]


def test_bins_span_the_bounds():
    edges = sample(bounds=[(-3.0, 2.0), (None, 8.0)]).histogram().edges
    assert (edges[0][0], edges[0][-1]) == (-3.0, 2.0)
    assert edges[1][-1] == 8.0
    assert np.isfinite(edges[1]).all()


def test_bins_do_not_depend_on_the_threads_or_on_extensions():
    run = sample(n_jobs=1)
    for other in (sample(n_jobs=2), sample(n_steps=100).extend(200)):
        for mine, theirs in zip(run.histogram().edges, other.histogram().edges, strict=True):
            np.testing.assert_array_equal(mine, theirs)
        np.testing.assert_array_equal(run.histogram().counts, other.histogram().counts)


def test_many_dimensions_have_a_histogram_each():
    run = w.sample(w.densities.EightSchools(), np.zeros(10), n_steps=50, burn_in=50, keep="moments", rng=0)
    assert list(run.moments.histograms) == [(i,) for i in range(10)]


def test_moments_of_runs_add_up():
    edges = np.linspace(-8, 8, 33)
    a, b = (sample(rng=rng, n_steps=n, histograms={0: edges}) for rng, n in ((1, 100), (2, 250)))
    both = a.moments + b.moments
    draws = [sample("draws", rng=rng, n_steps=n).draws for rng, n in ((1, 100), (2, 250))]
    pooled = np.concatenate([run.reshape(-1, 2) for run in draws])
    np.testing.assert_allclose(both.mean(), pooled.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(both.cov(), np.cov(pooled, rowvar=False), rtol=1e-10)
    np.testing.assert_array_equal(both.histograms[0,].counts, np.histogram(pooled[:, 0], edges)[0])
    assert both.counts.tolist() == [100] * 9 + [250] * 9


def test_moments_that_do_not_belong_together():
    a = sample(histograms={0: [0.0, 1.0]}).moments
    assert not hasattr(a, "r_hat"), "that of the diagnostics is another statistic"
    with pytest.raises(ValueError, match=r"dimensions \(0,\) have different edges"):
        a + sample(histograms={0: [0.0, 2.0]}).moments
    with pytest.raises(ValueError, match="histograms of different dimensions"):
        a + sample(histograms=()).moments
    with pytest.raises(ValueError, match="2 and of 3 dimensions"):
        a + w.Moments.of_draws(np.zeros((2, 5, 3)))
    with pytest.raises(TypeError):
        a + 1


def test_the_scale_reduction_is_that_of_gelman_and_rubin():
    draws = np.random.default_rng(0).normal(size=(6, 50, 3)) + np.arange(6)[:, None, None] * [0.0, 0.5, 5.0]
    psrf = w.Moments.of_draws(draws).psrf()
    within, between = draws.var(axis=1, ddof=1).mean(axis=0), 50 * draws.mean(axis=1).var(axis=0, ddof=1)
    np.testing.assert_allclose(psrf, np.sqrt((49 / 50 * within + between / 50) / within), rtol=1e-12)
    assert psrf[0] < 1.1 < psrf[1] < psrf[2]


def test_the_error_of_the_mean_is_seen_between_walkers():
    draws = np.random.default_rng(0).normal(size=(400, 25, 1))
    assert w.Moments.of_draws(draws).mcse_mean()[0] == pytest.approx(1 / np.sqrt(400 * 25), rel=0.1)


def test_one_walker_or_one_draw_leave_unknown_what_is():
    one = w.Moments.of_draws(np.ones((1, 1, 2)))
    np.testing.assert_array_equal(one.mean(), [1.0, 1.0])
    for unknown in (one.cov(), one.mcse_mean(), one.psrf(), w.Moments.of_draws(np.ones((3, 0, 2))).mean()):
        assert np.isnan(unknown).all()
    constant = w.Moments.of_draws(np.ones((3, 5, 1)))
    assert np.isnan(constant.psrf()).all()
    np.testing.assert_array_equal(constant.cov(), [[0.0]])
    one_draw = w.Moments.of_draws(np.arange(3.0).reshape(3, 1, 1))
    np.testing.assert_allclose(one_draw.cov(), [[1.0]])


def test_an_offset_costs_no_digits():
    draws = np.random.default_rng(0).normal(size=(4, 500, 1))
    np.testing.assert_allclose(w.Moments.of_draws(draws + 1e8).cov(), w.Moments.of_draws(draws).cov(), rtol=1e-6)


def test_summary_of_moments():
    kept, draws = sample().summary(), sample("draws").summary()
    assert kept.columns == ("mean", "sd", "mcse_mean", "psrf")
    np.testing.assert_allclose(kept["mean"], draws["mean"], rtol=1e-12)
    np.testing.assert_allclose(kept["sd"], draws["sd"], rtol=1e-10)


@pytest.mark.parametrize("ask", [lambda run: run.draws, lambda run: run.log_density, lambda run: run.to_arviz()])
def test_draws_that_are_not_kept_are_asked_for(ask):
    with pytest.raises(w.NotKeptError, match='keep="draws"'):
        ask(sample())
    assert issubclass(w.NotKeptError, ValueError)
    assert not hasattr(sample(), "draws")


@pytest.mark.parametrize(
    ("keywords", "error", "message"),
    [
        ({"histograms": 0}, ValueError, "histograms: a number of bins must be at least 1"),
        ({"histograms": 2.5}, TypeError, "histograms must be a number of bins, a mapping"),
        ({"histograms": "x1"}, TypeError, "histograms must be"),
        ({"histograms": {"x9": 5}}, ValueError, "histograms must name coordinates out of .* got 'x9'"),
        ({"histograms": {2: 5}}, ValueError, "histograms must name coordinates"),
        ({"histograms": {(0, 0): 5}}, ValueError, "different coordinates"),
        ({"histograms": {0: [0.0, 0.0]}}, ValueError, "histograms: edges must be"),
        ({"histograms": {0: [0.0, np.inf]}}, ValueError, "histograms: edges must be"),
        ({"histograms": {(0, 1): [3, 4, 5]}}, ValueError, "for each of the 2 dimensions, got 3"),
        ({"burn_in": 0}, ValueError, r"the burn-in does not tell how far x1 goes; give edges.*\(\) for none"),
    ],
)  # fmt: skip
def test_histograms_that_cannot_be_kept_are_refused(keywords, error, message):
    with pytest.raises(error, match=message):
        sample(**keywords)


def test_histograms_of_three_dimensions_are_not_kept():
    with pytest.raises(ValueError, match="one or two dimensions"):
        w.sample(w.densities.Funnel(3), np.zeros(3), n_steps=5, burn_in=5, keep="moments", histograms={(0, 1, 2): 4})


# ---------------------------------------------------------------- of draws


@pytest.mark.parametrize("bins", [10, (5, 7), (np.linspace(-3, 3, 8), 5), [[-1.0, 0.0, 4.0], [0.0, 1.0]]])
def test_a_histogram_of_draws_is_numpys(bins):
    run = sample("draws")
    counts, edges = run.histogram(bins)
    expected, expected_edges = np.histogramdd(run.draws.reshape(-1, 2), bins)
    np.testing.assert_array_equal(counts, expected)
    for mine, theirs in zip(edges, expected_edges, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)


@pytest.mark.parametrize("bins", [None, 7, [7], [-1.0, 0.0, 2.0], [[-1.0, 0.0, 2.0]]])
@pytest.mark.parametrize("dims", [1, "x2", [1], ("x2",), -1])
def test_a_histogram_of_one_dimension(bins, dims):
    run = sample("draws")
    if bins == [7]:
        with pytest.raises(ValueError, match="edges must be"):
            run.histogram(bins, dims)
        return
    counts, (edges,) = run.histogram(bins, dims)
    given = 50 if bins is None else np.ravel(bins) if isinstance(bins, list) else bins
    np.testing.assert_array_equal(counts, np.histogram(run.draws[..., 1], given)[0])
    assert np.sum(run.histogram(bins, dims).density * np.diff(edges)) == pytest.approx(1.0)


def test_a_histogram_in_blocks_is_the_same(monkeypatch):
    whole = sample("draws").histogram(20).counts
    monkeypatch.setattr("foldstat.walkers.run._histogram._BLOCK", 100)
    np.testing.assert_array_equal(sample("draws").histogram(20).counts, whole)


def test_a_histogram_of_walkers_that_do_not_move():
    run = w.sample(
        lambda x: 0.0 if x == 2 else -np.inf, 2.0, n_steps=5, burn_in=0, move=w.UniformStep(1.0), where="python"
    )
    counts, (edges,) = run.histogram(4)
    assert counts.sum() == 5 * 64
    assert edges[0] < 2 < edges[-1]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((10, "x9"), ValueError, "dims must name coordinates out of"),
        ((10, 2), ValueError, "dims must name coordinates out of"),
        ((10, []), ValueError, "at least one"),
        ((10, (0, 0)), ValueError, "different coordinates"),
        ((0, 0), ValueError, "bins: a number of bins must be at least 1"),
        (("auto", 0), TypeError, "bins must be a number of bins"),
        (((3, 4, 5), (0, 1)), ValueError, "for each of the 2 dimensions, got 3"),
        (([1.0, 0.0], 0), ValueError, "increasing"),
        ((2**20, (0, 1)), ValueError, "too many"),
    ],
)  # fmt: skip
def test_a_histogram_that_cannot_be_made(arguments, error, message):
    with pytest.raises(error, match=message):
        sample("draws").histogram(*arguments)


def test_dims_are_chosen_where_there_are_many():
    run = w.sample(w.densities.Funnel(3), np.zeros(3), n_steps=5, burn_in=5, rng=0)
    with pytest.raises(ValueError, match="dims must say which of the 3 dimensions"):
        run.histogram()
    assert run.histogram(4, (2, 0)).counts.shape == (4, 4)
    kept = w.sample(w.densities.Funnel(3), np.zeros(3), n_steps=5, burn_in=5, rng=0, keep="moments")
    with pytest.raises(ValueError, match=r"no histogram of \(0, 1\) was kept, there are those of \(0,\)"):
        kept.histogram(dims=(0, 1))
    with pytest.raises(ValueError, match="bins: with keep"):
        kept.histogram(10, dims=0)


def test_a_histogram_of_two_dimensions_is_there_either_way_round():
    kept = sample()
    there, back = kept.histogram(dims=("x1", "x2")), kept.histogram(dims=("x2", "x1"))
    np.testing.assert_array_equal(back.counts, there.counts.T)
    for edges, others in zip(back.edges, there.edges[::-1], strict=True):
        np.testing.assert_array_equal(edges, others)
