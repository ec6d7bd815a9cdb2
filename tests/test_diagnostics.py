"""Diagnostics of Markov chains against ArviZ, emcee, and what is known of autoregressive chains."""

from __future__ import annotations

import numpy as np
import pytest

from chains import array_stats, autoregressive, cases, metropolis, reference
from foldstat import diagnostics

CASES = cases()
NAMES = ["r_hat", "ess_bulk", "ess_tail", "mcse_mean", "mcse_sd"]


def assert_agrees(found, wanted, rtol=1e-10):
    np.testing.assert_allclose(found, wanted, rtol=rtol, atol=0, equal_nan=True)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", NAMES)
def test_agrees_with_arviz(name, case):
    found = getattr(diagnostics, name)(CASES[case])
    assert isinstance(found, float)
    assert_agrees(found, reference(name, CASES[case]))


@pytest.mark.parametrize("prob", [0.05, 0.5, 0.9])
@pytest.mark.parametrize("case", CASES)
def test_error_of_a_quantile_agrees_with_arviz(case, prob):
    assert_agrees(diagnostics.mcse_quantile(CASES[case], prob), reference("mcse_quantile", CASES[case], prob))


@pytest.mark.parametrize("prob", [0.1, (0.25, 0.5)])
def test_other_tails_agree_with_arviz(prob):
    x = CASES["AR 0.9"]
    assert_agrees(diagnostics.ess_tail(x, prob), reference("ess_tail", x, prob))


@pytest.mark.parametrize("name", NAMES)
def test_each_dimension_is_what_it_is_alone(name):
    x = np.stack([autoregressive(rho, (4, 801), seed) for seed, rho in enumerate(np.linspace(-0.9, 0.99, 11))], axis=2)
    x[0, 5, 3] = np.nan
    found = getattr(diagnostics, name)(x)
    assert found.shape == (11,)
    assert np.isnan(found[3])
    assert_agrees(found, [reference(name, x[:, :, d]) for d in range(11)])


@pytest.mark.parametrize("offset", [-1e8, 1e8])
@pytest.mark.parametrize("name", NAMES)
def test_a_large_offset_costs_no_digits(name, offset):
    x = np.round(autoregressive(0.9, (4, 1000)) * 2**20) / 2**20  # so that the offset can be added exactly
    assert np.all((x + offset) - offset == x)
    assert_agrees(getattr(diagnostics, name)(x + offset), reference(name, x))


@pytest.mark.parametrize("name", NAMES)
def test_nearly_constant_draws(name):
    # A few units in the last place around 1. ArviZ rounds the mean of such draws to one of them,
    # so it is asked about what is left of them without the 1.
    x = 1 + np.random.default_rng(0).integers(-20, 21, (4, 500)) * 2.0**-52
    assert_agrees(getattr(diagnostics, name)(x), reference(name, x - 1))


def test_a_quantile_between_equal_draws_is_that_draw():
    # Rounding in ArviZ 0.2x can put it below, and lose all draws that are equal to it.
    for seed in range(20):
        x = metropolis((4, 250), seed)
        threshold = np.quantile(x, 0.05)
        lowest = diagnostics.ess_tail((x <= threshold).astype(float), (0.5, 0.5))
        indicator = (x <= threshold).astype(float)
        wanted = diagnostics.ess_tail(1 - indicator, (0.0, 0.0))
        assert_agrees(diagnostics.ess_tail(x, (0.05, 0.05)), min(lowest, wanted), rtol=1e-12)


# --- nested R-hat ---------------------------------------------------------------------------------


def nested(x, labels):
    """Equations 4 to 8 of Margossian et al. (2024)."""
    groups = [x[labels == label] for label in np.unique(labels)]
    within = 0.0
    for group in groups:
        means = group.mean(axis=1)
        within += means.var(ddof=1) if len(group) > 1 else 0.0
        within += group.var(axis=1, ddof=1).mean() if x.shape[1] > 1 else 0.0
    return np.sqrt(1 + np.var([group.mean() for group in groups], ddof=1) / (within / len(groups)))


@pytest.mark.parametrize(("shape", "superchains"), [((12, 50), 3), ((12, 1), 3), ((6, 7), 6), ((64, 2), 8)])
def test_nested_r_hat_is_that_of_the_paper(shape, superchains):
    x = np.random.default_rng(0).standard_normal(shape)
    labels = np.arange(shape[0]) // (shape[0] // superchains)
    wanted = nested(x, labels)
    assert_agrees(diagnostics.nested_r_hat(x, superchains, method="identity"), wanted)
    shuffle = np.random.default_rng(1).permutation(shape[0])
    names = np.array(list("abcdefgh"))[labels[shuffle]]
    assert_agrees(diagnostics.nested_r_hat(x[shuffle], names, method="identity"), wanted)


def scores(x):
    """Normal scores of ranks."""
    from scipy.stats import norm, rankdata

    return norm.ppf((rankdata(x).reshape(x.shape) - 3 / 8) / (x.size + 1 / 4))


@pytest.mark.parametrize(("draws", "halved"), [(100, True), (101, True), (4, True), (3, False), (1, False)])
def test_nested_r_hat_of_ranks(draws, halved):
    x = np.random.default_rng(0).standard_normal((12, draws)) * np.repeat([1, 2, 3], 4)[:, None]
    labels = np.arange(12) // 4
    half = draws // 2
    pieces = np.vstack([x[:, :half], x[:, -half:]]) if halved else x
    of_pieces = np.tile(labels, 2) if halved else labels
    bulk, folded = (nested(scores(y), of_pieces) for y in (pieces, abs(pieces - np.median(pieces))))
    assert_agrees(diagnostics.nested_r_hat(x, 3), max(bulk, folded))
    if array_stats is not None and halved:
        assert_agrees(diagnostics.nested_r_hat(x, 3), float(array_stats.rhat_nested(x, superchain_ids=labels)))


# --- autocorrelation time -------------------------------------------------------------------------


@pytest.mark.parametrize("c", [1, 5, 10])
@pytest.mark.parametrize("rho", [-0.5, 0.0, 0.9, 0.99, 0.999])
def test_autocorrelation_time_agrees_with_emcee(rho, c):
    autocorr = pytest.importorskip("emcee.autocorr")
    x = np.stack([autoregressive(rho, (6, 4001), seed) for seed in range(3)], axis=2)
    wanted = autocorr.integrated_time(x.swapaxes(0, 1), c=c, quiet=True)
    assert_agrees(diagnostics.autocorrelation_time(x, c), wanted)
    assert_agrees(
        diagnostics.autocorrelation_time(x[0, :, 0], c), autocorr.integrated_time(x[0, :, 0], c=c, quiet=True)
    )


# --- what is known of autoregressive chains ---------------------------------------------------------


@pytest.mark.parametrize("rho", [-0.5, 0.0, 0.5, 0.9])
def test_effective_sample_sizes_of_autoregressive_chains(rho):
    x = autoregressive(rho, (64, 20_000))
    time = (1 + rho) / (1 - rho)
    assert_agrees(diagnostics.ess_bulk(x), x.size / time, rtol=0.03)
    if rho >= 0:  # the window ends at the first negative autocorrelation
        assert_agrees(diagnostics.autocorrelation_time(x), time, rtol=0.03)
    assert_agrees(diagnostics.mcse_mean(x), np.sqrt(time / x.size), rtol=0.03)
    # Squares are autoregressive with ρ², and so is the error of the standard deviation.
    squares = (1 + rho**2) / (1 - rho**2)
    assert_agrees(diagnostics.mcse_sd(x), np.sqrt(squares / (2 * x.size)), rtol=0.03)
    assert diagnostics.r_hat(x) < 1.001
