"""The demo: EM on four million points and model selection on a classic, both next to scikit-learn."""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture as SklearnMixture
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

from foldstat import GaussianMixture, _core, mixture
from foldstat.mixture._plot import full_covariances, plot_mixture

Floats = NDArray[np.float64]

CENTRES = (0.0, 5.0, 10.0, 15.0)
ITERATIONS = 25
SKLEARN_ITERATIONS = 4  # it needs seconds for each, so a few have to do
FITS = 5  # timed ones, after one to warm up
AGREEMENT = 1e-6  # relative; two correct programs differ by rounding alone, far less than this
BUSY = 1.5  # load per core; a build that has just ended accounts for one
CLEARLY_WORSE = 0.01  # in mean log-likelihood; sampling error at these sizes is far smaller
FAMILIES = ("spherical", "diag", "tied", "full")
COMPONENTS = range(1, 7)
SEARCH = {"n_init": 5, "tol": 1e-6, "max_iter": 1000, "random_state": 0}
# The clock was read to the second for eruptions, to the minute for waits. A component narrower than that rounding
# describes it and not the geyser (all waits of 83 minutes, say), however likely it makes the data.
RESOLUTION = np.array([1 / 60, 1.0])


class DemoError(Exception):
    """The demo cannot go on; the message says what to do."""


def run(*, rows: int, seed: int, data: Path | None, output: Path) -> None:
    """Run both parts and write the picture."""
    pyplot = _pyplot()
    geyser = load_geyser(data)
    system = _core.system()
    print(
        f"foldstat {system['version']} with {system['simd']} instructions and {system['threads']} threads; "
        f"scikit-learn {sklearn.__version__}, NumPy {np.__version__}"
    )
    _warn_if_busy()
    figure, axes = pyplot.subplots(1, 2, figsize=(13, 6), layout="constrained")
    points = clouds(rows, seed)
    _draw_clouds(axes[0], points, fit_clouds(points, seed))
    _draw_geyser(axes[1], geyser, select_geyser(geyser))
    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, dpi=150)
    pyplot.close(figure)
    print(f"\nPicture: {output.resolve()}")


def _warn_if_busy() -> None:
    """Competing work slows spinning threads far more than others, which distorts every ratio."""
    if not hasattr(os, "getloadavg"):  # Windows
        return
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    if load > BUSY * cores:
        print(f"(this machine is busy with other work, load {load:.1f} on {cores} cores: ratios of times will be off)")


def _pyplot() -> Any:
    try:
        import matplotlib as mpl

        mpl.use("agg")  # the demo writes a file and needs no screen
        import matplotlib.pyplot as pyplot
    except ImportError as error:
        raise DemoError('the picture needs matplotlib: pip install "foldstat[plot]"') from error
    return pyplot


# ---------------------------------------------------------------- four clouds


def clouds(rows: int, seed: int) -> Floats:
    """Draw normal clouds of unit variance around (c, c) for each centre c, `rows` points each."""
    generator = np.random.default_rng(seed)
    points = generator.standard_normal((len(CENTRES), rows, 2))
    points += np.reshape(CENTRES, (-1, 1, 1))
    return points.reshape(-1, 2)


@dataclass(frozen=True)
class Parameters:
    """Weights, means and full covariances of a mixture."""

    weights: Floats
    means: Floats
    covariances: Floats

    @classmethod
    def random(cls, points: Floats, k: int, seed: int) -> Parameters:
        """Means anywhere in the range of the data, identity covariances, equal weights."""
        low, high = points.min(axis=0), points.max(axis=0)
        means = np.random.default_rng([seed, 1]).uniform(low, high, size=(k, points.shape[1]))
        return cls(np.full(k, 1 / k), means, np.tile(np.eye(points.shape[1]), (k, 1, 1)))

    @classmethod
    def truth(cls) -> Parameters:
        """Return what the clouds are drawn from."""
        k = len(CENTRES)
        means = np.repeat(np.reshape(CENTRES, (-1, 1)), 2, axis=1)
        return cls(np.full(k, 1 / k), means, np.tile(np.eye(2), (k, 1, 1)))

    @classmethod
    def of(cls, model: GaussianMixture) -> Parameters:
        """Parameters of a fitted model of any covariance type."""
        return cls(model.weights_, model.means_, full_covariances(model, *model.means_.shape))


def fit_clouds(points: Floats, seed: int) -> mixture.MixtureFit:
    """Run EM from a random start, compare it with scikit-learn's, print what came out."""
    k = len(CENTRES)
    print(
        f"\n1. EM: {len(points):,} points in the plane around {', '.join(f'({c:g}, {c:g})' for c in CENTRES)},\n"
        f"   {k} components with full covariances, {ITERATIONS} iterations from random means"
    )
    start = Parameters.random(points, k, seed)
    fit = _em(points, start, ITERATIONS, progress=True)
    seconds, _ = _best(lambda: _em(points, start, ITERATIONS))
    seconds /= fit.n_iter
    peer, peer_seconds = _sklearn_em(points, start)
    difference = _largest_difference(_em(points, start, SKLEARN_ITERATIONS), peer)
    reached, possible = _mean_log_likelihood(points, fit), _mean_log_likelihood(points, Parameters.truth())
    _print_components(fit)
    print(f"   mean log-likelihood: {reached:.6f}, and {possible:.6f} of the mixture the points were drawn from")
    if reached < possible - CLEARLY_WORSE:
        print("   (this random start has not led to the four clouds: EM climbs the nearest hill; try another --seed)")
    print(
        f"   time per iteration, the best of several: {_duration(seconds)}; scikit-learn {_duration(peer_seconds)}: "
        f"{peer_seconds / seconds:.1f} times as fast\n"
        f"   after {SKLEARN_ITERATIONS} iterations from the same start the two differ by {difference:.1e} at most"
    )
    if difference > AGREEMENT:
        raise DemoError(f"foldstat and scikit-learn should agree to {AGREEMENT:g}: please report this")
    return fit


def _em(points: Floats, start: Parameters, iterations: int, *, progress: bool = False) -> mixture.MixtureFit:
    return mixture.em(
        points, start.weights, start.means, start.covariances, max_iter=iterations, tol=0.0, progress=progress
    )


def _sklearn_em(points: Floats, start: Parameters) -> tuple[SklearnMixture, float]:
    """Fit with scikit-learn from the same start; also its shortest time for an iteration after the first."""
    model = SklearnMixture(
        len(start.weights),
        weights_init=start.weights,
        means_init=start.means,
        precisions_init=np.linalg.inv(start.covariances),
        max_iter=SKLEARN_ITERATIONS,
        tol=0.0,
        verbose=1,
        verbose_interval=1,
    )
    with tqdm(total=SKLEARN_ITERATIONS, desc="scikit-learn", unit="it", leave=False) as bar:
        clock = IterationClock(bar.update)
        with contextlib.redirect_stdout(clock), warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # it is meant to stop after a few iterations
            model.fit(points)
    return model, float(np.diff(clock.ticks)[1:].min())  # the first one warms up


class IterationClock(io.TextIOBase):
    """A stream for scikit-learn's verbose messages: notes when each iteration is reported."""

    def __init__(self, on_iteration: Callable[[], object]) -> None:
        self.ticks = [time.perf_counter()]
        self._on_iteration = on_iteration

    def write(self, text: str) -> int:
        """Take a message."""
        if "Initialization 0" in text:  # the first iteration starts here
            self.ticks = [time.perf_counter()]
        elif "Iteration" in text:
            self.ticks.append(time.perf_counter())
            self._on_iteration()
        return len(text)


def _largest_difference(fit: mixture.MixtureFit, peer: SklearnMixture) -> float:
    """Largest difference of the parameters, relative to the largest value of each kind."""
    pairs = [(fit.weights, peer.weights_), (fit.means, peer.means_), (fit.covariances, peer.covariances_)]
    return max(float(np.abs(ours - theirs).max() / np.abs(theirs).max()) for ours, theirs in pairs)


def _mean_log_likelihood(points: Floats, parameters: Parameters | mixture.MixtureFit) -> float:
    model = GaussianMixture.from_parameters(parameters.weights, parameters.means, parameters.covariances)
    return float(model.score(points))


def _print_components(parameters: Any) -> None:
    print("   weight   mean                 covariance")
    for j in np.argsort(parameters.means[:, 0]):
        x, y = parameters.means[j]
        (xx, xy), (_, yy) = parameters.covariances[j]
        mean = f"({x:z.3f}, {y:z.3f})"
        print(f"   {parameters.weights[j]:.4f}   {mean:<18}   [{xx:z.3f}, {xy:z.3f}; {xy:z.3f}, {yy:z.3f}]")


def _duration(seconds: float) -> str:
    for factor, unit in ((1.0, "s"), (1e3, "ms")):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"


# ---------------------------------------------------------------- Old Faithful


def load_geyser(path: Path | None) -> Floats:
    """Read eruption and waiting times in minutes, shape (n, 2)."""
    source = path or resources.files("foldstat") / "_data" / "faithful.csv"
    try:
        with source.open(encoding="utf-8") as lines:
            table: Any = np.genfromtxt(lines, delimiter=",", names=True, dtype=np.float64)
        columns = np.column_stack([table["eruptions"], table["waiting"]])
    except OSError as error:
        raise DemoError(
            f"cannot read the Old Faithful data: {error}. "
            "Name a CSV file with columns eruptions and waiting: --data notebooks/data/faithful.csv"
        ) from error
    except (ValueError, IndexError) as error:
        raise DemoError(f"{source} is not a CSV file with columns eruptions and waiting: {error}") from error
    if not np.isfinite(columns).all():
        raise DemoError(f"{source} has an entry that is not a number in column eruptions or waiting")
    return columns


def select_geyser(geyser: Floats) -> GaussianMixture:
    """Fit every family and number of components, print the BICs, return the model with the lowest."""
    print(
        f"\n2. Old Faithful: {len(geyser)} eruptions, {len(FAMILIES)} covariance types × "
        f"{len(COMPONENTS)} numbers of components, best of {SEARCH['n_init']} starts each"
    )
    choices = list(itertools.product(FAMILIES, COMPONENTS))
    models: dict[Choice, GaussianMixture] = {
        choice: _fit_geyser(GaussianMixture, choice, geyser)
        for choice in tqdm(choices, desc="model selection", unit="model", leave=False)
    }
    scores = {choice: model.bic(geyser) for choice, model in models.items() if _is_resolved(model)}
    best = min(scores, key=scores.__getitem__)
    _print_scores(scores, best)
    print(f"   chosen: {_describe(best)}, BIC {scores[best]:.3f}")
    _print_components(Parameters.of(models[best]))
    seconds, _ = _best(lambda: _fit_geyser(GaussianMixture, best, geyser))
    with threadpool_limits(1):  # on so few rows scikit-learn's threads only wait for each other
        peer_seconds, peer = _best(lambda: _fit_geyser(SklearnMixture, best, geyser))
    print(
        f"   time to fit the chosen one, the best of several: {_duration(seconds)}; "
        f"scikit-learn {_duration(peer_seconds)}: {peer_seconds / seconds:.1f} times as fast "
        f"(its BIC: {peer.bic(geyser):.3f})"
    )
    return models[best]


Choice = tuple[str, int]


def _fit_geyser(estimator: Any, choice: Choice, geyser: Floats) -> Any:
    family, k = choice
    with warnings.catch_warnings():
        # Some of many starts hit max_iter with a component too many: BIC will not choose those.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator(k, covariance_type=family, **SEARCH).fit(geyser)


def _best(call: Callable[[], Any]) -> tuple[float, Any]:
    """Shortest time of several calls after one that warms up, and what the last one returned."""
    result = call()
    times = []
    for _ in range(FITS):
        begin = time.perf_counter()
        result = call()
        times.append(time.perf_counter() - begin)
    return min(times), result


def _is_resolved(model: GaussianMixture) -> bool:
    """Whether all components are as wide as the data are exact."""
    covariances = full_covariances(model, *model.means_.shape)
    variances = np.diagonal(covariances, axis1=1, axis2=2)
    return bool((variances >= RESOLUTION**2 / 12).all())  # the variance of a rounding error


def _print_scores(scores: dict[Choice, float], best: Choice) -> None:
    print("   BIC (lower is better)" + "".join(f"{family:>12}" for family in FAMILIES))
    for k in COMPONENTS:
        cells = [f"{scores[family, k]:.1f}" if (family, k) in scores else "-" for family in FAMILIES]
        marks = ["*" if (family, k) == best else " " for family in FAMILIES]
        row = "".join(f"{cell + mark:>12}" for cell, mark in zip(cells, marks, strict=True))
        print(f"   {k} component{'s' if k > 1 else ' '}         {row}")
    if len(scores) < len(FAMILIES) * len(COMPONENTS):
        print("   -: a component narrower than the times were read")


def _describe(choice: Choice) -> str:
    family, k = choice
    return f"{k} component{'s' if k > 1 else ''}, {family} covariance{'' if family == 'tied' else 's'}"


# ---------------------------------------------------------------- the picture


def _draw_clouds(ax: Any, points: Floats, fit: mixture.MixtureFit) -> None:
    model = GaussianMixture.from_parameters(fit.weights, fit.means, fit.covariances)
    plot_mixture(model, points, ax)
    ax.set(xlabel="x", ylabel="y", title=f"{len(points):,} points, {ITERATIONS} iterations of EM")
    ax.set_aspect("equal")


def _draw_geyser(ax: Any, geyser: Floats, model: GaussianMixture) -> None:
    plot_mixture(model, geyser, ax)
    ax.set(
        xlabel="length of the eruption, minutes",
        ylabel="wait until the next one, minutes",
        title=f"Old Faithful: {_describe((model.covariance_type, model.n_components))}, chosen by BIC",
    )
