"""One step on a few cells against its transition matrix, enumerated exactly."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

from foldstat import walkers as w

PI = np.array([1.0, 3.0, 2.0, 5.0, 0.5, 4.0])
PI /= PI.sum()
K = len(PI)
N = 400_000
BOUNDS = [(0.0, float(K))]
# A chi-squared test of 30 cells or so; ten of them fail by chance once in 10,000 times.
LEAST_P = 1e-5

# An adaptive move without burn-in is one with a fixed normal proposal.
pytestmark = pytest.mark.filterwarnings("ignore:burn_in=0 leaves:UserWarning")


def cells(points):
    return np.minimum(points[..., 0].astype(int), K - 1)


def log_density(points):
    """A density that is constant on each of the cells [0, 1), [1, 2), ..."""
    return np.log(PI[cells(points)])


def starts(seed=0, n=N):
    """Points of the density, as many in each cell as it says."""
    rng = np.random.default_rng(seed)
    cell = np.repeat(np.arange(K), np.rint(n * PI).astype(int))
    rng.shuffle(cell)
    return (cell + rng.random(len(cell)))[:, np.newaxis]


def one_step(move, start, density=log_density, rng=3, bounds=BOUNDS):
    return w.sample(density, start, 1, 0, move=move, rng=rng, bounds=bounds, call="points").draws[:, 0]


def counts(start, end):
    table = np.zeros((K, K), dtype=int)
    np.add.at(table, (cells(start), cells(end)), 1)
    return table


def flows(proposals):
    """Flows of the Metropolis algorithm: π_i q_ij min(1, π_j/π_i), and what stays where it is."""
    flow = PI[:, np.newaxis] * proposals * np.minimum(1, PI / PI[:, np.newaxis])
    np.fill_diagonal(flow, 0)
    np.fill_diagonal(flow, PI - flow.sum(axis=1))
    return flow


def overlaps(density_of_step):
    """From which cell to which a step leads whose density is symmetric, given a uniform place in the cell.

    The difference of two uniform numbers has a triangular density.
    """
    table = np.empty((K, K))
    for k in range(K):
        value, _ = integrate.quad(
            lambda s, k=k: (1 - abs(s - k)) * density_of_step(s), k - 1, k + 1, points=[k], limit=200
        )
        table[np.abs(np.subtract.outer(np.arange(K), np.arange(K))) == k] = value
    return table


def uniform_overlaps(h):
    """The same for steps uniform in (-h, h), by the area of a triangle's part."""

    def below(s, k):
        # Integral of 1 - |s - k| from k - 1 to s.
        u = np.clip(s - k, -1, 1)
        return 0.5 + u - np.sign(u) * u * u / 2

    k = np.abs(np.subtract.outer(np.arange(K), np.arange(K)))
    return (below(h, k) - below(-h, k)) / (2 * h)


def stretches(a, n=150):
    """From which cell to which a stretch leads, averaged over places in the cell and anchors."""
    places = (np.arange(n) + 0.5) / n
    anchors = (np.arange(K)[:, np.newaxis] + places).ravel()
    weights = np.repeat(PI / n, n)

    def below(z):
        return (np.sqrt(np.clip(z, 1 / a, a)) - np.sqrt(1 / a)) / (np.sqrt(a) - np.sqrt(1 / a))

    table = np.empty((K, K))
    for i in range(K):
        # Other places than the anchors have, so that none is on one.
        ray = (i + places[:, np.newaxis] + 0.23 / n) - anchors
        for j in range(K):
            ends = np.sort([(j - anchors) / ray, (j + 1 - anchors) / ray], axis=0)
            table[i, j] = ((below(ends[1]) - below(ends[0])) @ weights).mean()
    return table


def check_table(table, expected):
    """Pearson's test of the counts in each row, and of equal flows in both directions."""
    rows = table.sum(axis=1, keepdims=True)
    expected = expected / expected.sum(axis=1, keepdims=True) * rows
    used = expected > 5
    assert (table[~used] <= 30).all()
    statistic = ((table - expected)[used] ** 2 / expected[used]).sum()
    assert stats.chi2.sf(statistic, used.sum() - K) > LEAST_P, table - expected
    check_symmetry(table)


def check_symmetry(table):
    """As many walkers go from one cell to another as come back."""
    upper = np.triu_indices(K, 1)
    there, back = table[upper], table.T[upper]
    scores = (there - back) / np.sqrt(np.maximum(there + back, 1))
    assert np.abs(scores).max() < 5, scores


UNIFORM = [0.3, 1.0, 2.7, 10.0]


@pytest.mark.parametrize("half_width", UNIFORM)
@pytest.mark.parametrize("move", [w.UniformStep, w.ComponentwiseStep])
def test_uniform_steps(move, half_width):
    start = starts()
    table = counts(start, one_step(move(half_width), start))
    check_table(table, flows(uniform_overlaps(half_width)))


@pytest.mark.parametrize("sd", [0.4, 1.5])
@pytest.mark.parametrize("move", [w.NormalStep, w.AdaptiveStep])
def test_normal_steps(move, sd):
    start = starts()
    table = counts(start, one_step(move(sd**2), start))
    check_table(table, flows(overlaps(stats.norm(scale=sd).pdf)))


@pytest.mark.parametrize("a", [1.5, 2.0, 4.0])
def test_stretches(a):
    # In one dimension Hastings' factor is 1, so that only the proposals matter.
    start = starts()
    table = counts(start, one_step(w.Stretch(a), start))
    flow = flows(stretches(a))
    np.testing.assert_allclose(flow, flow.T, rtol=0.02, atol=2e-4)
    check_table(table, flow)


def test_mixes():
    moves = [w.UniformStep(1.0), w.NormalStep(1.0), w.UniformStep(4.0)]
    tables = [uniform_overlaps(1.0), overlaps(stats.norm.pdf), uniform_overlaps(4.0)]
    start, table, expected = starts(n=20_000), np.zeros((K, K), dtype=int), np.zeros((K, K))
    weights = np.array([0.5, 0.3, 0.2])
    # All walkers make the same choice at a step, so it takes many steps to see the mix.
    chosen = []
    for rng in range(60):
        here = counts(start, one_step(w.Mix(list(zip(weights, moves, strict=True))), start, rng=rng))
        fits = [((here / len(start) - flows(one)) ** 2 / (flows(one) + 1e-6)).sum() for one in tables]
        chosen.append(int(np.argmin(fits)))
        table += here
        expected += flows(tables[chosen[-1]])
    check_table(table, expected)
    assert stats.chisquare(np.bincount(chosen, minlength=3), weights * 60).pvalue > LEAST_P


# --- a lattice, on which differences of walkers lead from place to place -----------------------------


LATTICE = [(0.25, K - 0.25)]


def lattice_starts(seed=0):
    """One place in each cell, both halves of the ensemble in exact proportion.

    The places of the halves differ, for a snooker must not come to where its anchor is: there is no line
    to come back along. Where places are no lattice that never happens.
    """
    half = np.repeat(np.arange(K), np.rint(N / 2 * PI).astype(int))
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.permutation(half) + 0.5, rng.permutation(half) + 0.625])[:, np.newaxis]


def differences():
    """Distribution of the difference of two cells drawn from the density: P(k) at index k + K - 1."""
    return np.convolve(PI, PI[::-1])


def shifts(probabilities):
    """Transition matrix of steps of whole cells."""
    return np.array([[probabilities[j - i + K - 1] for j in range(K)] for i in range(K)])


def test_differences_of_walkers():
    start = lattice_starts()
    move = w.DifferentialEvolution(gamma=1.0, jitter=0.0, jump_probability=0.0)
    table = counts(start, one_step(move, start, bounds=LATTICE))
    check_table(table, flows(shifts(differences())))


def test_jumps_are_as_frequent_as_told():
    start = lattice_starts()
    # Steps that are no jumps are twice as long.
    move = w.DifferentialEvolution(gamma=2.0, jitter=0.0, jump_probability=0.3)
    table = counts(start, one_step(move, start, bounds=LATTICE))
    once = differences()
    twice = np.zeros_like(once)
    inside = np.arange(-((K - 1) // 2), (K - 1) // 2 + 1)
    twice[2 * inside + K - 1] = once[inside + K - 1]
    check_table(table, flows(0.3 * shifts(once) + 0.7 * shifts(twice)))


def test_snooker_steps():
    start = lattice_starts()
    table = counts(start, one_step(w.Snooker(gamma=1.0), start, bounds=LATTICE))
    check_table(table, flows(shifts(differences())))


# --- acceptance --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "move", [w.UniformStep(2.0), w.NormalStep(2.0), w.ComponentwiseStep(3.0), w.Stretch(3.0)], ids=repr
)
def test_acceptance_probabilities(move):
    """The same proposals over a flat density are all accepted, which tells what was proposed."""
    start = starts()
    proposed = one_step(move, start, lambda points: np.zeros(len(points)), bounds=[(-1e9, 1e9)])
    if move.interacts:
        # The second half sees the first one after its update, which differs.
        half = (len(start) + 1) // 2
        start, proposed, n = start[:half], proposed[:half], half
        end = one_step(move, starts())[:n]
    else:
        end = one_step(move, start)
    inside = (proposed[:, 0] >= 0) & (proposed[:, 0] <= K)
    moved = (end != start)[:, 0]
    assert not moved[~inside].any()
    np.testing.assert_array_equal(end[moved], proposed[moved])
    here, there = cells(start[inside]), cells(proposed[inside])
    for i in range(K):
        for j in range(K):
            decisions = moved[inside][(here == i) & (there == j)]
            probability = min(1.0, PI[j] / PI[i])
            if probability == 1:
                assert decisions.all()
            elif len(decisions) > 100:
                assert stats.binomtest(int(decisions.sum()), len(decisions), probability).pvalue > 1e-7


def test_enumerations_are_consistent():
    for table in (uniform_overlaps(2.7), overlaps(lambda s: (abs(s) < 2.7) / 5.4)):
        np.testing.assert_allclose(table, uniform_overlaps(2.7), atol=1e-6)
    for flow in (flows(uniform_overlaps(1.0)), flows(shifts(differences()))):
        np.testing.assert_allclose(flow, flow.T, atol=1e-16)
        np.testing.assert_allclose(flow.sum(axis=1), PI)


def test_a_wrong_transition_matrix_is_noticed():
    start = starts()
    table = counts(start, one_step(w.UniformStep(1.0), start))
    with pytest.raises(AssertionError):
        check_table(table, flows(uniform_overlaps(1.02)))
    skewed = table.copy()
    skewed[0, 1] += 600
    with pytest.raises(AssertionError):
        check_symmetry(skewed)
