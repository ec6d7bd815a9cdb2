"""Gibbs' sampler: draws from conditionals, with Metropolis blocks among them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
import pytest
from scipy import special, stats

from foldstat import diagnostics
from foldstat import walkers as w
from walker_targets import LIMIT

N, A, B = 12, 2.0, 3.0  # of the beta-binomial


def errors(run, expected):
    """Means of the draws against what is true, in standard errors."""
    return np.abs(run.mean() - expected) / diagnostics.mcse_mean(run.draws)


def beta_binomial(**options):
    """Beta-binomial, drawn in the two ways that Casella & George (1992) draw it."""
    move = w.Gibbs(
        {"x": lambda p, rng: rng.binomial(N, p), "p": lambda x, rng: rng.beta(A + x, B + N - x)},
    )
    return w.sample(None, {"x": 3.0, "p": 0.5}, 4_000, 100, move=move, **{"rng": 0, "n_walkers": 16, **options})


def test_beta_binomial():
    run = beta_binomial()
    assert run.density_kind == "none, as all coordinates are drawn"
    assert errors(run, [N * A / (A + B), A / (A + B)]).max() < LIMIT
    x = run.draws[..., 0].ravel()
    counts = np.bincount(x.astype(int), minlength=N + 1)
    k = np.arange(N + 1)
    shares = special.comb(N, k) * special.beta(A + k, B + N - k) / special.beta(A, B)
    # Draws of one walker are correlated: every tenth of them is nearly independent.
    thinned = np.bincount(run.draws[:, ::10, 0].ravel().astype(int), minlength=N + 1)
    assert stats.chisquare(thinned, shares * thinned.sum()).pvalue > 1e-6
    assert counts.sum() == x.size
    assert (run.acceptance_rate == 1.0).all()
    assert run.converged


def test_the_density_may_be_given_and_is_what_is_recorded():
    def log_density(x, p):
        return (
            special.gammaln(N + 1) - special.gammaln(x + 1) - special.gammaln(N - x + 1)
            + (A + x - 1) * np.log(p) + (B + N - x - 1) * np.log1p(-p)
        )  # fmt: skip

    move = w.Gibbs(
        {"x": lambda p, rng: rng.binomial(N, p), "p": lambda x, rng: rng.beta(A + x, B + N - x)},
    )
    run = w.sample(log_density, {"x": 3.0, "p": 0.5}, 50, 10, move=move, rng=0, n_walkers=4, where="python")
    x, p = run.draws[..., 0], run.draws[..., 1]
    np.testing.assert_allclose(run.log_density, log_density(x, p), rtol=1e-12)
    without = w.sample(None, {"x": 3.0, "p": 0.5}, 50, 10, move=move, rng=0, n_walkers=4)
    np.testing.assert_array_equal(without.draws, run.draws)


# ---------------------------------------------------------------- a hierarchical normal, with data

Y = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
V = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0]) ** 2
NAMES = ["mu", "v", *(f"theta{j}" for j in range(8))]
SHAPE, RATE = 3.0, 100.0  # of the inverse-gamma prior of the variance v of effects


def schools(theta_by=None):
    """Effects θ_j ~ N(μ, v) of schools, μ flat, v inverse-gamma; given all others each is normal or inverse-gamma."""

    def theta(point, rng):
        mu, v = point[0], point[1]
        precision = 1 / V + 1 / v
        return rng.normal((Y / V + mu / v) / precision, precision**-0.5)

    return w.Gibbs(
        {
            tuple(NAMES[2:]): theta_by or theta,
            "mu": lambda point, rng: rng.normal(point[2:].mean(), np.sqrt(point[1] / 8)),
            "v": lambda point, rng: (RATE + ((point[2:] - point[0]) ** 2).sum() / 2) / rng.gamma(SHAPE + 4.0),
        }
    )


def schools_density(point):
    mu, v, theta = point[0], point[1], point[2:]
    return (
        -((theta - Y) ** 2 / V).sum() / 2 - ((theta - mu) ** 2).sum() / v / 2 - 4 * np.log(v)
        - (SHAPE + 1) * np.log(v) - RATE / v
    )  # fmt: skip


def exact_schools():
    """Means of μ and ln v by integrals over v alone."""
    v = np.exp(np.linspace(-2, 14, 40_001))
    precision = 1 / (V + v[:, np.newaxis])
    total = precision.sum(axis=1)
    mu = (precision * Y).sum(axis=1) / total
    log_p = -(SHAPE + 1) * np.log(v) - RATE / v + np.log(v)  # on a grid of ln v
    log_p += 0.5 * np.log(precision).sum(axis=1) - 0.5 * np.log(total)
    log_p -= 0.5 * (precision * (Y - mu[:, np.newaxis]) ** 2).sum(axis=1)
    weights = np.exp(log_p - log_p.max())
    weights /= weights.sum()
    return weights @ mu, weights @ np.log(v)


@pytest.mark.parametrize("blocks", ["drawn", "Metropolis", "slice"])
def test_a_hierarchical_normal(blocks):
    by = {"drawn": None, "Metropolis": w.AdaptiveStep(), "slice": w.Slice()}[blocks]
    density = None if by is None else schools_density
    start = lambda rng: np.concatenate([[rng.normal(8, 3), rng.gamma(5, 10)], Y + rng.normal(0, 5, 8)])  # noqa: E731
    options = {} if by is None else {"bounds": [None, (0, None), *[None] * 8], "call": "point"}
    run = w.sample(density, start, 6_000, 2_000, move=schools(by), names=NAMES, rng=3, n_walkers=16, **options)
    mu, log_v = exact_schools()
    draws = np.stack([run.draws[..., 0], np.log(run.draws[..., 1])], axis=-1)
    scores = (draws.mean(axis=(0, 1)) - [mu, log_v]) / diagnostics.mcse_mean(draws)
    assert np.abs(scores).max() < LIMIT, scores


# ---------------------------------------------------------------- a change point, compiled

COUNTS = np.array([4, 5, 4, 0, 1, 4, 3, 4, 0, 6, 3, 3, 4, 0, 2, 1, 0, 1, 1, 0, 1, 0, 0, 2, 1, 0, 1, 1, 0, 0])


def change_point(compiled):
    """Poisson counts whose rate changes once, at k (uniform), from one gamma(2, 1) rate to another."""
    before = np.concatenate([[0], np.cumsum(COUNTS)])
    n = len(COUNTS)

    def draw_k(point, rng):
        early, late = point[0], point[1]
        log_p = np.empty(n - 1)
        for k in range(1, n):
            log_p[k - 1] = before[k] * np.log(early / late) - k * (early - late)
        p = np.exp(log_p - log_p.max())
        return 1.0 + np.searchsorted(np.cumsum(p), rng.random() * p.sum())

    def draw_rates(point, rng):
        k = int(point[2])
        early = rng.gamma(2.0 + before[k]) / (1.0 + k)
        return early, rng.gamma(2.0 + before[n] - before[k]) / (1.0 + n - k)

    wrap = numba.njit if compiled else (lambda function: function)
    return w.Gibbs({("early", "late"): wrap(draw_rates), "k": wrap(draw_k)})


def change_point_mean():
    """Means of the rates and of k, by sums over k."""
    n, total = len(COUNTS), COUNTS.sum()
    k = np.arange(1, n)
    early, late = 2.0 + np.cumsum(COUNTS)[k - 1], 2.0 + total - np.cumsum(COUNTS)[k - 1]
    log_p = special.gammaln(early) - early * np.log(1 + k) + special.gammaln(late) - late * np.log(1 + n - k)
    p = np.exp(log_p - log_p.max())
    p /= p.sum()
    return np.array([p @ (early / (1 + k)), p @ (late / (1 + n - k)), p @ k])


@pytest.mark.parametrize("compiled", [False, True])
def test_a_change_point(compiled):
    start = {"early": 3.0, "late": 1.0, "k": 10.0}
    run = w.sample(None, start, 4_000, 100, move=change_point(compiled), rng=1, n_walkers=16)
    assert errors(run, change_point_mean()).max() < LIMIT


def test_compiled_conditionals_draw_the_same():
    start = {"early": 3.0, "late": 1.0, "k": 10.0}
    runs = [w.sample(None, start, 200, 0, move=change_point(compiled), rng=1, n_walkers=5) for compiled in (0, 1)]
    np.testing.assert_allclose(runs[0].draws, runs[1].draws, rtol=1e-9)


# ---------------------------------------------------------------- getting it right (Geweke 2004)


def geweke(move_of, n_walkers=4_000, n_steps=40):
    """Parameters and data, drawn in two ways: by chance, and by steps in turn with new data.

    m ~ N(0, 1), s² ~ inverse-gamma(4, 3), five data N(m, s²): walkers carry their data as coordinates, which are
    drawn anew given the parameters in each step, so that moves which are right leave the joint distribution as it is.
    """
    rng = np.random.default_rng(5)
    m, v = rng.standard_normal(n_walkers), 3 / rng.gamma(4, size=n_walkers)
    data = m[:, np.newaxis] + np.sqrt(v)[:, np.newaxis] * rng.standard_normal((n_walkers, 5))
    start = np.column_stack([m, v, data])

    def log_density(point):
        m, v = point[..., 0], point[..., 1]
        squares = ((point[..., 2:] - m[..., np.newaxis]) ** 2).sum(axis=-1)
        return -m * m / 2 - 5 * np.log(v) - 3 / v - 2.5 * np.log(v) - squares / v / 2

    blocks = move_of() | {
        tuple(f"y{i}" for i in range(5)): lambda point, rng: point[0] + point[1] ** 0.5 * rng.standard_normal(5)
    }
    run = w.sample(
        log_density, start, n_steps, 0, move=w.Gibbs(blocks), names=["m", "v", *(f"y{i}" for i in range(5))],
        rng=6, call="points", bounds=[None, (0, None), *[None] * 5],
    )  # fmt: skip
    end = run.draws[:, -1]
    return [stats.kstest(end[:, 0], "norm").pvalue, stats.kstest(end[:, 1], stats.invgamma(4, scale=3).cdf).pvalue]


def draw_m(point, rng):
    y, v = point[2:], point[1]
    precision = 1 + 5 / v
    return rng.normal(y.sum() / v / precision, precision**-0.5)


def draw_v(point, rng):
    return (3 + ((point[2:] - point[0]) ** 2).sum() / 2) / rng.gamma(4 + 2.5)


@pytest.mark.parametrize(
    "blocks",
    [
        {"m": draw_m, "v": draw_v},
        {"m": w.NormalStep(0.5), "v": draw_v},
        {"m": draw_m, "v": w.Slice(1.0)},
        {("m", "v"): w.NormalStep([0.3, 0.3])},
    ],
    ids=["drawn", "Metropolis", "slice", "one block"],
)
@pytest.mark.filterwarnings("ignore::foldstat.walkers.NotConvergedWarning")
def test_getting_it_right(blocks):
    assert min(geweke(lambda: dict(blocks))) > 1e-5


@pytest.mark.filterwarnings("ignore::foldstat.walkers.NotConvergedWarning")
def test_a_wrong_conditional_is_noticed():
    def wrong(point, rng):
        return (3 + ((point[2:] - point[0]) ** 2).sum() / 2) / rng.gamma(4 + 2)

    assert min(geweke(lambda: {"m": draw_m, "v": wrong})) < 1e-9


# ---------------------------------------------------------------- laws


def test_no_thread_and_no_portion_changes_a_bit():
    whole = beta_binomial()
    assert np.array_equal(beta_binomial(n_jobs=1).draws, whole.draws)
    more = beta_binomial(n_walkers=24)
    assert np.array_equal(more.draws[:16], whole.draws)
    part = w.sample(None, {"x": 3.0, "p": 0.5}, 1_000, 100, move=whole.move, rng=0, n_walkers=16)
    assert np.array_equal(part.extend(3_000).draws, whole.draws)


def test_a_saved_run_goes_on_with_its_move(tmp_path):
    run = beta_binomial()
    run.save(tmp_path / "run.npz")
    loaded = w.load(tmp_path / "run.npz")
    assert np.array_equal(loaded.draws, run.draws)
    with pytest.raises(ValueError, match=r"has lost the functions of its move, .*give|Give it again"):
        loaded.extend(10)
    expected = run.extend(10).draws
    assert np.array_equal(loaded.extend(10, move=run.move).draws, expected)
    again = w.load(tmp_path / "run.npz", move=run.move)
    assert np.array_equal(again.extend(10).draws, expected)
    assert again.extend(10).density_kind == run.density_kind
    with pytest.raises(ValueError, match="move is not the one of the run"):
        loaded.extend(10, move=w.Gibbs({"x": lambda p, rng: 1.0, ("p",): w.Slice()}))


def test_what_a_conditional_raises_comes_out():
    def fails(point, rng):
        if point[0] > 2:
            raise KeyError("mine")
        return point[0] + 1

    with pytest.raises(KeyError, match="mine") as caught:
        w.sample(None, [0.0], 10, 0, move=w.Gibbs({0: fails}), n_walkers=2, rng=0)
    assert caught.value.__notes__ == [
        "the conditional of x[0] raised this for walker 0",
        "the move raised this at step 3",
    ]
    assert caught.value.partial.n_steps == 3


@pytest.mark.parametrize(
    ("blocks", "error", "message"),
    [
        ({}, ValueError, "at least one block"),
        ([("x", 1)], TypeError, "blocks must be a dict"),
        ({"x": 1.0}, TypeError, r"blocks\['x'\] must be a function that draws, or a move"),
        ({"x": w.Stretch()}, ValueError, "Stretch cannot be restricted"),
        (
            {"z": lambda x, rng: 1.0},
            ValueError,
            r"blocks must name coordinates out of \['x', 'y'\], or numbers; got 'z'",
        ),
        ({"x": lambda y, rng: 1.0}, ValueError, "no block moves y, which would stay where it starts"),
        ({"x": lambda y, rng: 1.0, ("y", "x"): w.Slice()}, ValueError, "blocks: x is in several of them"),
        ({("x", "y"): lambda: 1.0}, TypeError, r"must be called as f\(point, rng\)"),
        ({("x", "y"): lambda a, b, c: 1.0}, TypeError, r"its parameters are \(a, b, c\)"),
        ({("x", "y"): lambda p, rng: 1.0}, TypeError, r"x, y must give 2 real numbers, got float"),
        ({("x", "y"): lambda p, rng: None}, TypeError, r"must give 2 real numbers, got None"),
        (
            {("x", "y"): lambda p, rng: (1.0, np.nan)},
            ValueError,
            r"must draw finite numbers, got \[1.0, nan\] for walker 0",
        ),
        ({"x": lambda y, rng: 1j, "y": w.Slice()}, TypeError, "must give one real number, got complex"),
    ],
)
def test_what_is_no_conditional_is_refused(blocks, error, message):
    with pytest.raises(error, match=message):
        w.sample(lambda x, y: -x * x - y * y, {"x": 0.0, "y": 0.0}, 5, 0, move=w.Gibbs(blocks), n_walkers=4, rng=0)


def test_a_draw_where_the_density_is_zero_is_refused():
    move = w.Gibbs({"x": lambda y, rng: -1.0, "y": w.UniformStep(1.0)})
    with pytest.raises(ValueError, match="move: drew a point at which the density is zero for walker 0 at step 0"):
        w.sample(lambda x, y: -x - y * y, {"x": 1.0, "y": 0.0}, 5, 0, move=move, rng=0, bounds={"x": (0, None)})


def test_without_a_density_nobody_may_look_at_it():
    with pytest.raises(TypeError, match="density must be given, as Gibbs looks at it"):
        w.sample(None, [0.0, 0.0], 5, 0, move=w.Gibbs({0: lambda p, rng: 1.0, 1: w.Slice()}))


def test_gibbs_may_be_part_of_a_mix():
    move = w.Mix([(1, beta_binomial(n_walkers=4).move), (1, w.Gibbs({("x", "p"): lambda point, rng: point}))])
    run = w.sample(None, {"x": 3.0, "p": 0.5}, 6_000, 100, move=move, rng=0, n_walkers=16)
    assert errors(run, [N * A / (A + B), A / (A + B)]).max() < LIMIT


def test_several_threads_may_walk_with_one_move():
    run = beta_binomial(n_walkers=4)
    expected = run.extend(300).draws
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: run.extend(300).draws, range(8)))
    assert all(np.array_equal(draws, expected) for draws in found)


def test_a_generator_of_numpy_takes_the_stream_of_each_walker():
    """Numbers of one walker are independent of each other and of those of the next."""
    run = w.sample(
        None, [0.0], 500, 0, move=w.Gibbs({0: lambda point, rng: rng.standard_normal()}), n_walkers=40, rng=0
    )
    assert run.names == ("x[0]",)
    assert stats.kstest(run.draws.ravel(), "norm").pvalue > 1e-5
    assert np.abs(np.corrcoef(run.draws[..., 0]) - np.eye(40)).max() < 6 / 500**0.5
    assert np.unique(run.draws).size == 20_000


@numba.njit
def of_wrong_length(point, rng):
    point[2] = rng.standard_normal()
    return point[2:]


@numba.njit
def of_truth(point, rng):
    return rng.random() < 0.5


@numba.njit
def of_truths(point, rng):
    return rng.random() < 0.5, 1.0


@pytest.mark.parametrize(
    ("blocks", "message"),
    [
        ({("a", "b"): of_wrong_length, "c": lambda rng: 7.0}, "it must give 2 real numbers, and gave another number"),
        ({"a": of_truth, ("b", "c"): w.Slice()}, "the conditional of a must give one real number: .*type bool"),
        ({("a", "b"): of_truths, "c": w.Slice()}, "the conditional of a, b must give 2 real numbers: .*type bool"),
    ],
)
def test_compiled_conditionals_of_another_size_are_refused(blocks, message):
    start = {"a": 0.0, "b": 0.0, "c": 0.0}
    with pytest.raises(TypeError, match=message):
        w.sample(lambda a, b, c: -a * a - b * b - c * c, start, 20, 0, move=w.Gibbs(blocks), n_walkers=4, rng=0)


def test_an_array_of_one_number_is_a_number_compiled_or_not():
    def plain(point, rng):
        return point[:1] + rng.random()

    plainly, compiled = (
        w.sample(None, [0.0], 50, 0, move=w.Gibbs({0: conditional}), n_walkers=4, rng=0).draws
        for conditional in (plain, numba.njit(plain))
    )
    assert np.array_equal(plainly, compiled)
    two = w.Gibbs({0: numba.njit(lambda point, rng: point), 1: lambda point, rng: 0.0})
    with pytest.raises(ValueError, match=r"item\(\)"):
        w.sample(None, [0.0, 0.0], 5, 0, move=two, n_walkers=4)


def test_compiled_conditionals_may_give_numbers_of_different_kinds():
    mixed = numba.njit(lambda p, rng: (rng.integers(0, 5), rng.random()))
    run = w.sample(None, [0.0, 0.0], 400, 0, move=w.Gibbs({(0, 1): mixed}), n_walkers=4, rng=0)
    assert set(np.unique(run.draws[..., 0])) == {0.0, 1.0, 2.0, 3.0, 4.0}
    assert stats.kstest(run.draws[..., 1].ravel(), "uniform").pvalue > 1e-5


def test_the_generator_may_stand_anywhere_and_have_a_default():
    draws = [
        w.sample(None, {"x": 1.0}, 50, 0, move=w.Gibbs({"x": conditional}), n_walkers=2, rng=0).draws
        for conditional in (
            lambda point, rng: rng.normal(point[0]),
            lambda x, rng: rng.normal(x),
            lambda rng, x: rng.normal(x),
            lambda x, rng=None: rng.normal(x),
        )
    ]
    assert all(np.array_equal(draws[0], other) for other in draws[1:])


def test_a_coordinate_that_never_moves_is_told():
    move = w.Gibbs({"x": lambda x, rng: x, "y": lambda rng: rng.normal()})
    for keep in ("draws", "moments"):
        with pytest.warns(w.NotConvergedWarning, match="all draws of x are the same"):
            run = w.sample(
                None,
                {"x": 0.0, "y": 1.0},
                100,
                10,
                move=move,
                rng=0,
                keep=keep,
                histograms=None if keep == "draws" else (),
            )
        assert run.converged is False
