"""Golden digests: what foldstat computes of inputs that are exact, one digest for each case.

    python tests/golden.py            # one digest of all of them, to compare Pythons, processors and platforms
    python tests/golden.py --each     # every one of them, as JSON
    python tests/golden.py --renew    # write golden.json; the commit says why its results changed

Inputs are integers times powers of two, made by integer arithmetic, so that neither NumPy's random numbers nor
anything that is rounded takes part. What a case returns is computed by foldstat alone: no mean that NumPy takes
(``score``), and no draws of its generators (``GaussianMixture.sample``, ``Density.sample``), whose last bits depend
on the C library and on LAPACK.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

import foldstat
from foldstat import BayesianGaussianMixture, GaussianMixture, Summary, cells, diagnostics, summarize
from foldstat import walkers as w
from foldstat.mixture import MixtureStatistics, em, expectation, log_prob, statistics

FILE = Path(__file__).with_name("golden.json")
CASES: dict[str, Callable[[], object]] = {}


def case(name, function, *arguments):
    assert name not in CASES, name
    CASES[name] = lambda: function(*arguments)


# --- inputs --------------------------------------------------------------------------------------------


def words(n, seed):
    """SplitMix64 of a counter (Steele, Lea & Flood 2014)."""
    z = (np.arange(1, n + 1, dtype=np.uint64) + np.uint64(seed << 32)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def whole(n, below, seed):
    """Integers from 0 to less than `below`."""
    return (words(n, seed) % np.uint64(below)).astype(np.int64)


def bell(shape, seed, unit=2.0**-10):
    """Sums of twelve integers, of mean 0 and a standard deviation near 1; multiples of `unit`."""
    n = int(np.prod(shape))
    top = round(1 / unit)
    total = sum(whole(n, top, 100 * seed + part) for part in range(12)) - 6 * top
    return total.reshape(shape) * unit


def rows(n, d, k=4, seed=1):
    """Rows about `k` centres."""
    centres = whole(k * d, 13, seed).reshape(k, d) - 6.0
    return centres[whole(n, k, seed + 1)] + bell((n, d), seed + 2)


N = 6_011  # several blocks, and an incomplete last one
WEIGHTS = whole(N, 9, 7) / 4.0  # zeros, fractions and whole numbers
FAMILIES = ("full", "tied", "diag", "spherical")
PARTS = ("EII", "EEI", "VEI", "EVI", "VEE", "EVE", "VVE", "EEV", "VEV", "EVV")  # named by their parts alone
INITS = ("kmeans", "k-means++", "random", "random_from_data")
DTYPES = ("float64", "float32")


# --- digests -------------------------------------------------------------------------------------------


def canonical(item):
    """Bytes of an array or number with its type and shape, little-endian; every NaN is the same one."""
    if isinstance(item, bytes):
        return b"bytes" + len(item).to_bytes(8, "little") + item
    array = np.array(item)
    if array.dtype.kind == "f":
        array[np.isnan(array)] = np.nan
    array = array.astype(array.dtype.newbyteorder("<"), order="C")
    return f"{array.dtype.str}{array.shape}".encode() + array.tobytes()


def flat(result):
    """The arrays, numbers and bytes within tuples and lists."""
    if isinstance(result, (tuple, list)):
        return itertools.chain.from_iterable(map(flat, result))
    return [result]


def digest(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fits that stop early, walks without burn-in
        items = flat(CASES[name]())
        return hashlib.sha256(b"".join(map(canonical, items))).hexdigest()


def digests(n_jobs=None):
    """The digest of every case, by its name."""
    if n_jobs is None:
        return {name: digest(name) for name in CASES}
    with foldstat.threads(n_jobs):
        return digests()


def digest_of_all():
    return hashlib.sha256(json.dumps(digests(), sort_keys=True).encode()).hexdigest()


# --- mixtures ------------------------------------------------------------------------------------------


def results(model):
    names = ("weights_", "means_", "covariances_", "precisions_", "precisions_cholesky_")
    return [*(getattr(model, name) for name in names), model.lower_bounds_, model.n_iter_]


def fit(family, dtype, init, weighted, n=N, d=3, n_init=2):
    X = rows(n, d).astype(dtype)
    options = {"init_params": init, "n_init": n_init, "max_iter": 5, "random_state": 0}
    model = GaussianMixture(4, covariance_type=family, **options)
    model.fit(X, sample_weight=WEIGHTS[:n] if weighted else None)
    some = X[: n // 4]
    return results(model), model.score_samples(some), model.predict(some), model.predict_proba(some)


def parameters(family, d=2):
    """A mixture of two components of the given family."""
    matrix = np.eye(d) + 0.25
    means = np.stack([np.zeros(d), np.full(d, 1.5)])
    covariances = {
        "full": np.stack([matrix, 0.5 * matrix]),
        "tied": matrix,
        "diag": np.array([[1.0] * d, [0.75] * d]),
        "spherical": np.array([1.25, 0.5]),
    }[family]
    return np.array([0.375, 0.625]), means, covariances


def functions(family, dtype):
    X, (weights, means, covariances) = bell((N, 2), 3).astype(dtype), parameters(family)
    options = {"covariance_type": family}
    whole = statistics(X, weights, means, covariances, **options)
    parts = [statistics(part, weights, means, covariances, **options) for part in (X[:700], X[700:])]
    return (
        expectation(X, weights, means, covariances, **options),
        log_prob(X, means, covariances, **options),
        whole.to_bytes(),
        sum(parts, MixtureStatistics()).to_bytes(),
        em(X, weights, means, covariances, max_iter=4, **options)[:3],
    )


def reading(family, dtype):
    """What one asks a mixture, but for draws."""
    X, (weights, means, covariances) = bell((600, 3), 5).astype(dtype), parameters(family, 3)
    model = GaussianMixture.from_parameters(weights, means, covariances, covariance_type=family)
    marginal, conditional, modes = model.marginal([2, 0]), model.condition({1: 0.5}), model.modes()
    merging, divergence = model.merge_components(X), model.kl_divergence(_other(family), 2)
    p = np.arange(1, 200) / 256
    return (
        [results(part) for part in (marginal, conditional)],
        model.predict_given(X[:, :2], given=[0, 1], return_cov=True),
        model.predict_given(np.where(whole(1800, 4, 9).reshape(600, 3) == 0, np.nan, X), return_std=True),
        [ask(X[:, 1], 1) for ask in (model.pdf, model.cdf)],
        [model.quantile(p, 1), model.quantile(-8 * p, 1, upper=True, log=True)],
        (modes.points, modes.density, modes.labels),
        (merging.entropy, merging.merges, model.uncertainty(X), model.posterior_entropy(X)),
        (divergence.lower, divergence.upper),
        model.ellipses(0.75, (0, 2)),
    )


def _other(family):
    weights, means, covariances = parameters(family, 3)
    return GaussianMixture.from_parameters(weights[::-1], means + 0.25, covariances, covariance_type=family)


def overlapping(family, dtype, d, k):
    """Rows in which several of `k` components have a share, and after them rows that are one component's."""
    means = whole(k * d, 9, 13).reshape(k, d) / 16.0
    sizes = (np.arange(k) + 4.0) / 4.0
    matrix = np.eye(d) + 0.25
    covariances = {
        "full": sizes[:, None, None] * matrix,
        "tied": matrix,
        "diag": np.repeat(sizes[:, None], d, axis=1),
        "spherical": sizes,
    }[family]
    X = np.concatenate([bell((300, d), 11, 2.0**-12), np.repeat(means[:3], 130, axis=0)]).astype(dtype)
    return statistics(X, np.full(k, 1 / k), means, covariances, covariance_type=family).to_bytes()


def given_start(family):
    """Parameters from precisions, which are not improved."""
    weights, means, precisions = parameters(family, d=3)
    options = {"covariance_type": family, "max_iter": 0, "weights_init": weights, "means_init": means}
    model = GaussianMixture(2, precisions_init=precisions, **options).fit(rows(40, 3))
    return model.covariances_, model.precisions_, model.precisions_cholesky_


def bayesian(family, kind):
    """A variational fit of weighted rows."""
    options = {"weight_concentration_prior_type": kind, "max_iter": 5, "random_state": 0}
    model = BayesianGaussianMixture(4, covariance_type=family, **options).fit(rows(N, 3), sample_weight=WEIGHTS[:N])
    return results(model), np.ravel(model.weight_concentration_), model.score_samples(rows(50, 3))


def mode(family, kind):
    """A fit with a prior."""
    options = {"prior": kind, "max_iter": 5, "random_state": 0}
    return results(GaussianMixture(4, covariance_type=family, **options).fit(rows(N, 3), sample_weight=WEIGHTS[:N]))


for family, dtype, init, weighted in itertools.product(FAMILIES, DTYPES, INITS, (False, True)):
    label = f"{family}, {dtype}, {init}{', weighted' * weighted}"
    case(f"fit: {label}", fit, family, dtype, init, weighted)
for family, dtype in itertools.product(FAMILIES, DTYPES):
    case(f"fit: {family}, {dtype}, 33 features", fit, family, dtype, "kmeans", True, 601, 33, 1)
    case(f"fit: {family}, {dtype}, one feature", fit, family, dtype, "kmeans", False, 601, 1, 5)
    case(f"functions: {family}, {dtype}", functions, family, dtype)
    case(f"reading: {family}, {dtype}", reading, family, dtype)
for family, dtype, (d, k) in itertools.product(FAMILIES, DTYPES, ((8, 6), (66, 33))):
    case(f"overlapping: {family}, {dtype}, {d} features", overlapping, family, dtype, d, k)
for family in ("full", "tied"):
    case(f"fit: {family}, float64, 150 features", fit, family, "float64", "kmeans", False, 1_500, 150, 1)
for family in FAMILIES:
    case(f"start from precisions: {family}", given_start, family)
    for kind in ("dirichlet_process", "dirichlet_distribution"):
        case(f"bayesian: {family}, {kind}", bayesian, family, kind)
    for kind in ("mclust", "robust"):
        case(f"prior: {family}, {kind}", mode, family, kind)
for family in PARTS:
    case(f"fit: {family}", fit, family, "float64", "kmeans", False, 601)


# --- walkers -------------------------------------------------------------------------------------------


def fitted():
    return GaussianMixture(3, random_state=0, max_iter=5).fit(rows(500, 2, 3))


STEPS = {
    "uniform": w.UniformStep([1.0, 2.0]),
    "normal": w.NormalStep([[1.0, 0.375], [0.375, 0.75]]),
    "adaptive": w.AdaptiveStep([[1.0, 0.375], [0.375, 0.75]]),
    "pooled": w.PooledStep(),
    "componentwise": w.ComponentwiseStep([1.0, 2.0]),
    "stretch": w.Stretch(),
    "differential evolution": w.DifferentialEvolution(),
    "snooker": w.Snooker(),
    "slice": w.Slice(),
    "independent": w.IndependentStep([1.0, -0.5], [[2.0, 0.75], [0.75, 1.5]]),
    "blocks": w.Gibbs({0: lambda point, rng: 1.0 + 2.0 * rng.random(), 1: w.Slice(1.0)}),
    "mix": w.Mix([(2, w.Stretch()), (1, w.AdaptiveStep()), (1, w.Snooker()), (1, w.ComponentwiseStep(1.0))]),
}
PLANE = {
    "three Gaussians": w.densities.ThreeGaussians,
    "ring": w.densities.Ring,
    "egg box": w.densities.EggBox,
    "banana": w.densities.Banana,
    "fitted mixture": fitted,
}
WIDE = {
    "funnel": lambda: w.densities.Funnel(5),
    "eight schools": w.densities.EightSchools,
    "banana of three": lambda: w.densities.Banana(n_dims=3),
}
WIDE_STEPS = {
    "uniform": w.UniformStep(0.25),
    "normal": w.NormalStep(0.0625),
    "adaptive": w.AdaptiveStep(),
    "pooled": w.PooledStep(),
    "componentwise": w.ComponentwiseStep(1.0),
    "stretch": w.Stretch(),
    "differential evolution": w.DifferentialEvolution(),
    "snooker": w.Snooker(),
    "slice": w.Slice(),
}


def walked(density, move, n_dims=2, **options):
    start = 2.0 + 0.25 * bell((45, n_dims), 5)  # an incomplete octet of walkers
    burn_in = 320 if move.pools else 20  # long enough to learn
    run = w.sample(density(), start, 60, burn_in, move=move, rng=11, **options)
    return run.draws, run.log_density, run.acceptance_rate, run.positions


def kept_moments(move):
    edges = np.arange(-8, 9) * 0.5
    start = 2.0 + 0.25 * bell((45, 2), 5)
    run = w.sample(w.densities.ThreeGaussians(), start, 60, 20, move=move, rng=3, keep="moments", histograms={0: edges})
    kept = run.moments
    return kept.counts, kept.means, kept.covariances, kept.histograms[(0,)].counts, run.positions


def moments_of_densities():
    """Means and covariances, that starts and steps are made of."""
    targets = [w.densities.ThreeGaussians(), w.densities.Banana()]
    targets += [w.densities.GaussianMixtureDensity.of(fitted())]
    # Weighted sums whose last bit depends on the order of multiplications and additions.
    targets += [w.densities.ThreeGaussians(means=((0.15, 0.0), (3.15, 3.0), (3.15, -3.0)))]
    return [(target.mean(), target.cov()) for target in targets]


for density, move in itertools.product(PLANE, STEPS):
    case(f"walk: {density}, {move}", walked, PLANE[density], STEPS[move])
for density, move in itertools.product(WIDE, WIDE_STEPS):
    case(f"walk: {density}, {move}", lambda d, m: walked(d, m, d().n_dims), WIDE[density], WIDE_STEPS[move])
for move in STEPS:
    options = {"bounds": [(0.5, 4.0), (-1.0, None)], "thin": 3}
    case(f"walk: bounds, thinned, {move}", lambda m, o=options: walked(PLANE["ring"], m, **o), STEPS[move])
    case(f"walk: moments, {move}", kept_moments, STEPS[move])
case("densities: moments", moments_of_densities)


# --- diagnostics ---------------------------------------------------------------------------------------


def chains():
    """Four walks of eight dimensions and more than a short sort takes; the last one hardly moves."""
    steps = bell((4, 3001, 8), 9)
    draws = np.zeros_like(steps)
    for t in range(1, steps.shape[1]):
        draws[:, t] = 0.5 * draws[:, t - 1] + steps[:, t]  # rounded, and by no other way than this one
    draws[..., 7] = np.floor(draws[..., 7] / 4)
    return draws


DIAGNOSTICS = {
    "R-hat": diagnostics.r_hat,
    "ESS of the bulk": diagnostics.ess_bulk,
    "ESS of the tails": diagnostics.ess_tail,
    "MCSE of the mean": diagnostics.mcse_mean,
    "MCSE of the sd": diagnostics.mcse_sd,
    "MCSE of a quantile": lambda x: diagnostics.mcse_quantile(x, 0.25),
    "nested R-hat": lambda x: diagnostics.nested_r_hat(x, 2),
    "autocorrelation time": diagnostics.autocorrelation_time,
}
for name, function in DIAGNOSTICS.items():
    case(f"diagnostics: {name}", lambda f: [f(chains()), f(chains()[:, :101])], function)


# --- summaries -----------------------------------------------------------------------------------------

SETTINGS = {
    "plain": {},
    "moments": {"moments": 4},
    "best": {"best": 20},
    "quantiles": {"relative_error": 0.01},
    "quantiles by prefixes": {"quantiles": True, "quantile_buckets": 100},
    "histogram": {"histogram": np.arange(-12, 13) * 0.25},
    "distinct": {"distinct": True},
    "all": {
        "moments": 4,
        "best": 3,
        "largest": True,
        "relative_error": 0.05,
        "histogram": [0.0, 1.0, 8.0],
        "distinct": True,
    },
}


def numbers():
    """Narrow, wide, cancelling, with what is not finite; of every width."""
    narrow = bell(N, 4)
    wide = narrow * 2.0 ** (whole(N, 600, 5) - 300)
    special = narrow.copy()
    special[::97], special[::101], special[::103] = np.nan, np.inf, 2.0**-1074
    cancelling = wide.copy()
    cancelling[1::2] = -cancelling[: N - N % 2 : 2]
    return {
        "narrow": narrow,
        "wide": wide,
        "special": special,
        "cancelling": cancelling,
        "strided": narrow[::-3],
        "float32": narrow.astype(np.float32),
        "int64": words(N, 6).astype(np.int64),
        "int8": whole(N, 256, 6).astype(np.uint8).view(np.int8),
        "bool": narrow > 0,
    }


def reads(summary):
    names = ("count", "min", "max", "sum", "mean", "sem")
    values = [getattr(summary, name) for name in names]
    return [float(value) for value in (*values, summary.var(), summary.std())]


def summary_of(kind, arguments, weights=None):
    found = Summary(numbers()[kind], sample_weight=weights, **arguments)
    more = [found.skewness, found.kurtosis] if arguments.get("moments") == 4 else []
    more += [found.quantile([0.0, 0.1, 0.5, 1.0])] if {"quantiles", "relative_error"} & arguments.keys() else []
    more += [found.distinct_count] if "distinct" in arguments else []
    return found.to_bytes(), reads(found), more


def weighted_summary(kind):
    values = numbers()[kind]
    return summary_of(kind, {"moments": 4, "relative_error": 0.01}, whole(len(values), 5, 8))


def table(dtype, order):
    return np.array(rows(1003, 9), dtype=dtype, order=order)


def summaries_of_columns(dtype, order):
    X = table(dtype, order)
    return [summarize(X, axis=axis, best=2).to_bytes() for axis in (0, 1)]


def joint_summary(dtype, order):
    joint = summarize(table(dtype, order), cov=True)
    return joint.to_bytes(), joint.means, joint.cov(), joint.corr(), tuple(joint.line(0, 1))


def grouped_summary(dtype, order):
    X, keys = table(dtype, order), whole(1003, 11, 9)
    return [
        summarize(X[:, 0], by=keys, relative_error=0.125).to_bytes(),
        summarize(X, axis=0, by=keys, moments=4).to_bytes(),
        summarize(X[:, 1], by=keys, sample_weight=whole(1003, 3, 2)).to_bytes(),
    ]


for kind, setting in itertools.product(numbers(), SETTINGS):
    case(f"summary: {kind}, {setting}", summary_of, kind, SETTINGS[setting])
for kind in numbers():
    case(f"summary: {kind}, weighted", weighted_summary, kind)
for dtype, order in itertools.product(DTYPES, "CF"):
    for name, function in (("columns", summaries_of_columns), ("joint", joint_summary), ("groups", grouped_summary)):
        case(f"summary: {name}, {dtype}, {order}", function, dtype, order)


# --- cells ---------------------------------------------------------------------------------------------


def cells_of_em():
    X = rows(1003, 2, 2)
    means, covariances = np.array([[-1.0, 0.0], [1.0, 0.5]]), np.stack([np.eye(2), 2 * np.eye(2)])
    found = cells.expectation(X, means, covariances)
    weights = whole(len(X), 8, 3) / 8.0
    return (
        found,
        cells.maximization(X, found),
        cells.covariance(X, weights, np.array([0.5, 0.25])),
        cells.EM(X, means, covariances, 5),
    )


def cells_of_pairs():
    X = rows(301, 2, 2)
    sums = [cells.pairwise_sum(X, kernel=kernel) for kernel in ("product", "rbf", "laplacian", "distance")]
    return sums, cells.summarize(X[:, 0])


case("cells: EM", cells_of_em)
case("cells: pairs and sums", cells_of_pairs)


if __name__ == "__main__":
    match sys.argv[1:]:
        case []:
            print(digest_of_all())
        case ["--each"]:
            print(json.dumps(digests(), indent=1))
        case ["--renew"]:
            FILE.write_text(json.dumps(digests(), indent=1) + "\n")
        case _:
            sys.exit(__doc__)
